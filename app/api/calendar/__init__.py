"""Planned work and LHC periods."""
