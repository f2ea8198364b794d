"""Events that monitoring, files or people report of links."""
