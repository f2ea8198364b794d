"""The audit: every change of everything, read from the change log and the refusals."""
