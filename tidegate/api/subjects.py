"""Names that brokers take: NATS subjects and their wildcards, JetStream and Kafka names. Pure."""

from __future__ import annotations

from tidegate.api.rule import Checked, matching, without

topic_name = Checked(
    matching(
        r"[A-Za-z0-9._-]{1,249}",
        "is not a Kafka topic name",
        "use letters, digits, dots, dashes and underscores, at most 249",
    )
)
jetstream_name = Checked(
    matching(
        r"[^\s.*>/\\\x00-\x1f]{0,255}",
        "is not a name that JetStream takes",
        "leave out dots, stars, >, slashes and spaces",
    )
)
queue_name = Checked(matching(r"[^\s\x00-\x1f]{0,255}", "is not a queue group", "leave out spaces"))
_SUBJECT_RULES = (
    matching(
        r"[^\s.\x00-\x1f\x7f]+([.][^\s.\x00-\x1f\x7f]+)*",
        "is not a NATS subject",
        "separate non-empty words by single dots, for example orders.created",
    ),
    without(
        r"[^.][*]|[*][^.]",
        "has a * inside a word",
        "let * stand for a whole word, as in orders.*",
        shows=True,
    ),
    without(
        r"[^.]>|>.",
        "has a > that is not its last word",
        "let > stand last and alone, as in orders.>",
        shows=True,
    ),
)
nats_subject = Checked(*_SUBJECT_RULES)
"""A subject, in which `*` is one token and a last `>` is all that follow."""
plain_subject = Checked(
    *_SUBJECT_RULES,
    without("[*>]", "has wildcards", "write the one subject that dead letters go to", shows=True),
)


def subject_matches(pattern: str, subject: str) -> bool:
    """Say whether a NATS `pattern` takes in the plain `subject`."""
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, words = wanted[:-1], words[: len(wanted) - 1] if len(words) >= len(wanted) else []
    return len(wanted) == len(words) and all(
        want in ("*", word) for want, word in zip(wanted, words, strict=True)
    )
