"""Backup and restore of the whole database into one file, and its move to PostgreSQL."""
