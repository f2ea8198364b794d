"""The worker: everything that the portal does by itself, combined from the tasks of all rooms."""
