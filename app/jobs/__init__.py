"""The job queue, and the state of timed work and workers."""
