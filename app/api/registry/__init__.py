"""Sites and links, and unknown names."""
