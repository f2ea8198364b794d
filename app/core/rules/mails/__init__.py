"""Addresses, lines and texts of mails."""
