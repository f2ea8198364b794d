"""The verbs: every change of a thing, and the change-log row that it writes.

A service takes a session, flushes, and never commits: the door that called it commits once. It
knows no web framework, no SOAP and no form library; time and actor come in as arguments.
"""
