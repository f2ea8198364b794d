"""The worker: its queues, timed work, and its processes."""
