"""The processes that serve the portal: sockets, supervisor, one server process, ASGI."""
