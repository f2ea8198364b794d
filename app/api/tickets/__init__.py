"""Tickets: the list, one ticket and its files, what is done with it, its changes, saved filters."""
