"""Detected events, and which ticket documents which of them."""
