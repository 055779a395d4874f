"""Names that brokers take: NATS subjects and their wildcards, JetStream and Kafka names. Pure."""

from __future__ import annotations

from tidegate.api.model import Mistake
from tidegate.api.problem import quoted
from tidegate.api.scalars import Matching

topic_name = Matching(
    r"[A-Za-z0-9._-]{1,249}",
    "a Kafka topic name",
    "use letters, digits, dots, dashes and underscores, at most 249",
)
jetstream_name = Matching(
    r"[^\s.*>/\\\x00-\x1f]{0,255}",
    "a name that JetStream takes",
    "leave out dots, stars, >, slashes and spaces",
)
queue_name = Matching(r"[^\s\x00-\x1f]{0,255}", "a queue group", "leave out spaces")


def nats_subject(text: str) -> str:
    """Return a subject, in which `*` is one token and a last `>` is all that follow."""
    tokens = text.split(".")
    if any(not token or not token.isprintable() or " " in token for token in tokens):
        fix = "separate non-empty words by single dots, for example orders.created"
        raise Mistake(f"{quoted(text)} is not a NATS subject", fix).error()
    if any("*" in token and token != "*" for token in tokens):
        fix = "let * stand for a whole word, as in orders.*"
        raise Mistake(f"{quoted(text)} has a * inside a word", fix).error()
    if any(">" in token for token in tokens[:-1]) or (">" in tokens[-1] and tokens[-1] != ">"):
        fix = "let > stand last and alone, as in orders.>"
        raise Mistake(f"{quoted(text)} has a > that is not its last word", fix).error()
    return text


def subject_matches(pattern: str, subject: str) -> bool:
    """Say whether a NATS `pattern` takes in the plain `subject`."""
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, words = wanted[:-1], words[: len(wanted) - 1] if len(words) >= len(wanted) else []
    return len(wanted) == len(words) and all(
        want in ("*", word) for want, word in zip(wanted, words, strict=True)
    )
