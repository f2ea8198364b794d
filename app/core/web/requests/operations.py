"""How a door names a request, for the metrics: keys of the WSGI environment."""

from __future__ import annotations

from typing import Final

OPERATION: Final = "portal.operation"
"""The name of the page, REST operation or SOAP operation; never text that a client sent."""
OUTCOME: Final = "portal.outcome"
"""What the answer was, where the HTTP status does not show it: the number of a SOAP fault."""
