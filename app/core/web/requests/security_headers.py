"""The security headers of every answer, whichever door gives it: the one place that says them.

Each has a CSP with frame-ancestors, base-uri and form-action, nosniff, a Referrer-Policy and a
Permissions-Policy; with an https address HSTS (RFC 6797) besides. nginx has them for its own
answers (``deploy/nginx``); a test compares.
"""

from __future__ import annotations

from typing import Final

PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Of pages: their own scripts, styles and pictures, and forms to themselves."""
_PROGRAM_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Of what only programs read: a browser that shows it loads nothing."""
_PERMISSIONS: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
        *("magnetometer", "microphone", "midi", "payment", "usb"),
    )
)
"""What no page of the portal uses, and so none that got into one may."""
_HSTS: Final = "max-age=31536000"
"""A year. Only this host: others below its name are not ours to speak for."""


def security_headers(public_url: str, *, of_page: bool = False) -> dict[str, str]:
    """Names and values; ``of_page``: for what browsers show, else for what programs read.

    Pages send their own address to the portal itself, since a form's token is checked with it
    (Referer).
    """
    headers = {
        "Content-Security-Policy": PAGE_POLICY if of_page else _PROGRAM_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin" if of_page else "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS,
    }
    if public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = _HSTS
    return headers
