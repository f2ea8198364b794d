"""The queue of jobs, and what is known of timed work and workers."""
