"""Teleconferences, their invitations and agendas, and the slides of a meeting pack."""
