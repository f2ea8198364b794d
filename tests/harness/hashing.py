"""Passwords of tests are hashed at a fraction of the product's cost.

Nearly every test creates the cast, eight accounts, and hashing with the product's parameters took
780 s of processor time in a run of the whole suite. A hash holds its own parameters, so servers
that tests start as processes of their own verify these as any other.
"""

from __future__ import annotations

from argon2 import PasswordHasher

from app.accounts.services import credentials

REAL = credentials._HASHER
"""The product's own, for the tests of its parameters."""


def make_cheap() -> None:
    """Hash with the least that argon2 takes, in this process, from now on."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    credentials._HASHER = cheap
    credentials._NOBODY = cheap.hash("nobody has this password")
