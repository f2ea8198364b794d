"""Makes Spyne 2.14 importable on Python 3.12 and later, and quiet.

Import this module before any ``spyne`` module. Spyne 2.14 carries an old copy of ``six`` whose
importer no longer works from 3.12 on (and warns before), and uses ``cgi``, which 3.13 removed. It
must not know what is served.
"""

from __future__ import annotations

import collections.abc
import http.cookies
import io
import logging
import sys
import types
import urllib.error
import urllib.parse
import urllib.request
import warnings
from email.message import Message


def _lend_six() -> None:
    """Put the standard library's own modules where Spyne's old copy of six would look them up."""
    moves = types.ModuleType("spyne.util.six.moves")
    moves.__path__ = []
    moves.__dict__.update(
        collections_abc=collections.abc,
        http_cookies=http.cookies,
        urllib=urllib,
        range=range,
        zip=zip,
        map=map,
        filter=filter,
        StringIO=io.StringIO,
    )
    sys.modules["spyne.util.six.moves"] = moves
    for name, module in (
        ("collections_abc", collections.abc),
        ("http_cookies", http.cookies),
        ("urllib", urllib),
        ("urllib.parse", urllib.parse),
        ("urllib.request", urllib.request),
        ("urllib.error", urllib.error),
    ):
        sys.modules[f"spyne.util.six.moves.{name}"] = module


def _lend_cgi() -> None:
    """A stand-in for the one function of ``cgi`` that Spyne calls."""

    def parse_header(line: str) -> tuple[str, dict[str, str]]:
        message = Message()
        message["content-type"] = line
        parameters = message.get_params(failobj=[("", "")])
        return str(parameters[0][0]), {key: str(value) for key, value in parameters[1:]}

    stand_in = types.ModuleType("cgi")
    stand_in.__dict__["parse_header"] = parse_header
    sys.modules.setdefault("cgi", stand_in)


def _load_spyne() -> None:
    _lend_six()
    if sys.version_info >= (3, 13):
        _lend_cgi()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spyne
        import spyne.const
        import spyne.model.complex
        import spyne.protocol.soap
        import spyne.server
    # The importer of Spyne's own six lacks find_spec, which other imports would stumble over.
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__module__ != "spyne.util.six"]
    # A full garbage collection once a second costs three quarters of the 99th percentile.
    spyne.const.MIN_GC_INTERVAL = float("inf")


def _quieten() -> None:
    """Spyne logs whole requests, passwords included, when it cannot read them."""
    logger = logging.getLogger("spyne")
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)


_load_spyne()
_quieten()
