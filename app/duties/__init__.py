"""Which tickets are due under which rule, and whether they were written; pages of events."""
