"""Network tickets: their fields, moves, lists, search, relations, attachments and files."""
