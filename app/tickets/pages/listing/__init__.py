"""The list of tickets: columns, filters, bulk changes and files."""
