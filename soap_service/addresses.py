"""Where the services answer: the AR System addresses that GGUS clients know, and plain ones.

All addresses begin with the configured public URL, never with what a request calls this host.
"""

from __future__ import annotations

from collections.abc import Sequence

from soap_service.fields import SERVICES

ARS_ENDPOINT = "/arsys/services/ARService"
ARS_WSDL = "/arsys/WSDL/public"
PLAIN = "/soap"


def ars_endpoint(public_url: str, ars_server: str, service: str) -> str:
    """The endpoint in AR System's form."""
    return f"{public_url}{ARS_ENDPOINT}?server={ars_server}&webService={service}"


def plain_endpoint(public_url: str, service: str) -> str:
    """The plain endpoint."""
    return f"{public_url}{PLAIN}/{service}"


def wsdl_urls(public_url: str, ars_server: str) -> Sequence[str]:
    """The address of every WSDL: for each service that in AR System's form and the plain one."""
    urls = []
    for service in SERVICES:
        urls.append(f"{public_url}{ARS_WSDL}/{ars_server}/{service}")
        urls.append(f"{plain_endpoint(public_url, service)}?wsdl")
    return urls
