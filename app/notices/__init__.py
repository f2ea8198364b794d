"""Providers' maintenance notices and the tickets made from them."""
