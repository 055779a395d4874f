"""How a function holds its code, and the refusal of one that cannot run as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tidegate.api.function import FunctionSpec


class FunctionInvalid(Exception):
    """The function cannot run as it is written.

    Each argument is one sentence that tells its author what to change; `str()` has one a line.
    """

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every mistake that was found, not only the first."""
        return tuple(str(argument) for argument in self.args)


class Encoding(Enum):
    """How the text of `spec.function` holds the code."""

    TEXT = "text"
    BASE64 = "base64"
    URL = "url"


class Archive(Enum):
    """How the code is packed."""

    NONE = "none"
    ZIP = "zip"
    TAR = "compressedtar"


@dataclass(frozen=True, slots=True)
class Code:
    """Where the code of a function comes from; `checksum` is of the decoded bytes, hexadecimal."""

    content: str
    encoding: Encoding = Encoding.TEXT
    archive: Archive = Archive.NONE
    carries_deps: bool = False
    checksum: str = ""


def code_of(spec: FunctionSpec) -> Code:
    """Return the code that `spec` describes."""
    base, *rest = (spec.function_content_type or Encoding.TEXT.value).split("+")
    archives = [Archive(part) for part in rest if part != "deps"]
    return Code(
        content=spec.function,
        encoding=Encoding(base),
        archive=archives[0] if archives else Archive.NONE,
        carries_deps="deps" in rest,
        checksum=spec.checksum.removeprefix("sha256:"),
    )
