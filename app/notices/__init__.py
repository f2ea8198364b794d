"""Providers' maintenance notices and the tickets created from them."""
