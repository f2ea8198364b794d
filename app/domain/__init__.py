"""Rules of the trade: states, rights, limits, errors.

Standard library only. Nothing here knows a database, a web framework, the environment or the
clock: time comes in as an aware UTC ``datetime``.
"""
