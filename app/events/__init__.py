"""Events on links, reported by monitoring, files or people."""
