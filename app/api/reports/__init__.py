"""Quarterly reports, as signed and as written."""
