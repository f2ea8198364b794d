"""The worker: what the portal does by itself, put together from the tasks of all rooms."""
