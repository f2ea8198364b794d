"""Notifications and messages by mail: planned from the change log, queued, passed to a server."""
