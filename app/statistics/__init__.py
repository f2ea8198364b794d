"""Figures: rows in, frames and numbers out. The only floor with pandas; it knows no session.

Times are UTC throughout. What a figure means is written in the portal's page of definitions.
"""
