"""Adapters to systems outside: one module per kind of system, plain values in and out.

It must not know rows or doors; the services must not know it: a door brings the two together.
"""
