"""Connections with partners: how they are set up, tested and kept secret."""
