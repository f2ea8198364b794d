"""The queue of jobs, timed work, and the worker that carries them out."""
