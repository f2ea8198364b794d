"""The configured proxies, which the doors trust to report where a request came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def behind_proxies(application: WSGIApplication, count: int) -> WSGIApplication:
    """Believe ``count`` proxies about the client's address and scheme, never about the host."""
    if not count:
        return application
    return ProxyFix(application, x_for=count, x_proto=count, x_host=0, x_port=0, x_prefix=0)
