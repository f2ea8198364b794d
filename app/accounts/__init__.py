"""People, partner accounts and what opens the portal for them: logins, tokens, second factor."""
