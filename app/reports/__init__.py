"""Quarterly reports of the sites: questions, drafts, signing, reminders, documents."""
