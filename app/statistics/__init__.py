"""Figures of tickets and links over time, and what they are computed from."""
