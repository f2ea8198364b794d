"""Names in tickets and events that the registry does not know, and the decisions on them."""
