"""Where the services answer: the AR System addresses that GGUS clients know, and plain ones.

All addresses begin with the configured public URL, never with what a request calls this host.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from soap_service.fields import SERVICES
from soap_service.native.kinds import (
    NAME,
)

ARS_ENDPOINT = "/arsys/services/ARService"
ARS_WSDL = "/arsys/WSDL/public"
PLAIN = "/soap"


def ars_endpoint(public_url: str, ars_server: str, service: str) -> str:
    """The endpoint in AR System's form."""
    return f"{public_url}{ARS_ENDPOINT}?server={ars_server}&webService={service}"


def plain_endpoint(public_url: str, service: str) -> str:
    """The plain endpoint."""
    return f"{public_url}{PLAIN}/{service}"


def query_values(query: str) -> list[tuple[str, str]]:
    """The names and values of a query string; none where it is larger than any that we name."""
    try:
        return parse_qsl(query[:4096], keep_blank_values=True, max_num_fields=100)
    except ValueError:  # too many fields
        return []


def named_service(path: str, query: str) -> str:
    """The name of the service that an endpoint's address states, whether or not it exists.

    "" where it states none or several.
    """
    if path.startswith(f"{PLAIN}/"):
        return path.removeprefix(f"{PLAIN}/")
    if path != ARS_ENDPOINT:
        return ""
    named = [value for name, value in query_values(query) if name == "webService"]
    return named[0] if len(named) == 1 else ""


def wsdl_urls(public_url: str, ars_server: str) -> Sequence[str]:
    """The address of every WSDL: for each service that in AR System's form and the plain one."""
    urls = []
    for service in (*SERVICES, NAME):
        urls.append(f"{public_url}{ARS_WSDL}/{ars_server}/{service}")
        urls.append(f"{plain_endpoint(public_url, service)}?wsdl")
    return urls
