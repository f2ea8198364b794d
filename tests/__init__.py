"""All tests; tests/conftest.py tells which fixtures there are."""
