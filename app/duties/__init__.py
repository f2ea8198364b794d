"""Which tickets are due under which rule, and whether they exist; pages of events."""
