"""Tests of the SOAP door."""
