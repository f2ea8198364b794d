"""Metrics: what a monitoring system reads of the portal itself, in Prometheus' text format."""
