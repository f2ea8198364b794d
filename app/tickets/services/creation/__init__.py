"""How a new ticket is written: its rows, repeated requests and keys."""
