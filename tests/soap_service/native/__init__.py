"""Tests of the native service LHCOPN."""
