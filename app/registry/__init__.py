"""Sites and links with their names, facts and sources; CRIC; registry files."""
