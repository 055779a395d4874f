"""A mistake on its way from the check that finds it to the sentence that tells of it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic_core import PydanticCustomError

from tidegate.api.problem import Path

MISTAKE = "mistake"


class Mistake(NamedTuple):
    """What is wrong with the field at `path` (relative to its model), and what to write."""

    message: str
    fix: str
    path: Path = ()

    def error(self) -> PydanticCustomError:
        """Wrap it, so that a validator can raise it and the loader can read it back."""
        return PydanticCustomError(MISTAKE, "{message}; {fix}", self._asdict())
