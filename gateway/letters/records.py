"""Dead letters as records of a Kafka topic, and the marks of those that were removed. Pure.

Kafka deletes no single record. A letter that was redriven or purged is marked instead: a record
behind it in its partition names it. So a mark is never older than its letter, and retention takes
the letter first; marking twice changes nothing, and nobody else's mark is lost by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from gateway.core.cloudevents import event_from_attributes
from gateway.core.dead_letter import Letter, letter_from_event

MARK = "tidegateremoved"
"""The header of a mark; its value are the ids, with commas between them."""

PREFIX = "ce_"

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]


class Mark(NamedTuple):
    """The record that says that letters before it are removed."""

    key: bytes
    value: bytes
    headers: Headers


def mark_of(ids: Iterable[str]) -> Mark:
    """Return the mark of the letters `ids`.

    It has a key of its own and a value, so that a topic that is compacted keeps it.
    """
    text = ",".join(sorted(ids)).encode()
    key = f"{MARK}/{hashlib.sha256(text).hexdigest()[:20]}".encode()
    value = b"The dead letters that the headers name were delivered again or thrown away.\n"
    return Mark(key, value, [(MARK, text)])


def removed_by(headers: Headers) -> list[str]:
    """Return the ids that a record marks as removed; none for what is no mark."""
    text = next((value for name, value in headers if name == MARK), None)
    return text.decode("latin-1").split(",") if text else []


def letter_from_record(headers: Headers, value: bytes | None) -> Letter | None:
    """Read a record; None for what is no dead letter."""
    try:
        texts = {name: text.decode() for name, text in headers if text is not None}
        attributes = {
            name[len(PREFIX) :]: text for name, text in texts.items() if name.startswith(PREFIX)
        }
        return letter_from_event(
            event_from_attributes(attributes, value, texts.get("content-type"))
        )
    except ValueError:
        return None
