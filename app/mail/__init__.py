"""Notifications and messages by mail: planned from the change log, queued, handed to a server."""
