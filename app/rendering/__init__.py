"""Documents from plain values: slides as PPTX and PDF, reports as PDF (docs/adr/0027).

The only floor that knows the libraries for PDF and PPTX. Domain values in, bytes out: no session,
no settings, no addresses of its own; who may read what was decided before.
"""
