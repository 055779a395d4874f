"""Secret and ConfigMap of Kubernetes, which a laptop reads from the same files."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidegate.api.metadata import Resource
from tidegate.api.mistake import Mistake


def _decoded(text: str) -> str:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Mistake("is not base64", "encode it, or write it under stringData").error() from None
    return text


Base64 = Annotated[str, AfterValidator(_decoded)]


def _bytes(encoded: dict[str, str]) -> dict[str, bytes]:
    return {key: base64.b64decode("".join(text.split())) for key, text in encoded.items()}


class Secret(Resource):
    """A v1 Secret."""

    api_version: Literal["v1"]
    kind: Literal["Secret"]
    type: str = "Opaque"
    data: Annotated[dict[str, Base64], Field(repr=False)] = Field(default_factory=dict)
    string_data: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    immutable: bool = False

    @property
    def values(self) -> dict[str, bytes]:
        """Every key with its decoded value; stringData wins, as in Kubernetes."""
        plain = {key: text.encode() for key, text in self.string_data.items()}
        return _bytes(self.data) | plain


class ConfigMap(Resource):
    """A v1 ConfigMap."""

    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]
    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, Base64] = Field(default_factory=dict)
    immutable: bool = False

    @property
    def values(self) -> dict[str, bytes]:
        """Every key with its value."""
        return {key: text.encode() for key, text in self.data.items()} | _bytes(self.binary_data)
