"""Connections with partners: how they are set up and tested, and their secrets."""
