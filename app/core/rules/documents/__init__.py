"""What documents and tables consist of, by the rules of their formats."""
