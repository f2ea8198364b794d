"""A file that travels, packed, in the form that confirms its preview."""

from __future__ import annotations

import base64
import binascii
import zlib

from app.core.rules.errors import Invalid
from app.core.rules.language import _


def packed(content: bytes) -> str:
    """A file as letters that a form can carry."""
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode("ascii")


def unpacked(letters: str, limit: int) -> bytes:
    """The file that ``packed`` wrote; ``Invalid`` if it is not one, or larger than ``limit``."""
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.urlsafe_b64decode(letters.encode("ascii")), limit + 1)
    except (UnicodeEncodeError, binascii.Error, zlib.error):
        content = b""
    if not content or not unpacker.eof or len(content) > limit:
        raise Invalid("file", _("The file is not the one in the preview; choose it again"))
    return content
