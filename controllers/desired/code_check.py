"""What can be said about a function's code before there is a pod. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

from controllers.desired.code import Code, Encoding
from controllers.desired.findings import Findings

_SCHEMES = ("http://", "https://")


def check_code(code: Code, found: Findings) -> None:
    """Note in `found` what is wrong with the code; that behind an URL is checked in the pod."""
    content = _decoded(code, found)
    actual = hashlib.sha256(content).hexdigest() if content is not None else ""
    if code.checksum and actual and code.checksum.lower() != actual:
        message = f"is not that of the code, whose sha256 is {actual}"
        found.refuse("spec.checksum", message, "check where the code comes from, then correct it")


def _decoded(code: Code, found: Findings) -> bytes | None:
    match code.encoding:
        case Encoding.TEXT:
            return code.content.encode("utf-8", "surrogatepass")
        case Encoding.BASE64:
            return _from_base64(code.content, found)
        case Encoding.URL:
            _check_url(code.content.strip(), found)
            return None


def _from_base64(text: str, found: Findings) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        fix = "encode the file, or set spec.function-content-type to text"
        found.refuse("spec.function", f"is not base64 ({error})", fix)
        return None


def _check_url(url: str, found: Findings) -> None:
    if not url.startswith(_SCHEMES) or len(url.split()) > 1:
        fix = (
            "write one that begins with https:// or http://, or correct spec.function-content-type"
        )
        found.refuse("spec.function", "is not an URL", fix)
