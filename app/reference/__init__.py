"""The reference data that ships with a release: sites and links, each fact with its sources.

``sites.json`` and ``links.json`` are read by ``app.reference.seed``; the rest is data. What no
source says is marked ``"sample": true`` there, and pages say so.
"""
