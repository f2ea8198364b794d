"""The processes that serve the portal: sockets, supervisor, server process, ASGI adapter."""
