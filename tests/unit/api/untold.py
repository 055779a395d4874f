"""What an API server cannot say of a wrong object in the sentence of the command line."""

from __future__ import annotations

import re

OWN_WORDS = re.compile(
    r"is not (text|a filter|a whole number|a number|true or false|a list|a mapping)\b"
    r"|is not a known field|is longer than|has more than \d+ items"
)
"""Sentences about types, lengths and unknown fields: the API server has words of its own."""

CONDITIONS = {
    "filter": re.compile(r"^spec\.delivery\.filter\[0\]\.(not\.|.* is not an attribute name)"),
    "topicPattern": re.compile(r"^spec\.topicPattern: .* is no regular expression"),
    "schedule": re.compile(r"^spec\.schedule: schedule "),
    "timeZone": re.compile(r"^spec\.timeZone: schedule "),
    "startTime": re.compile(r'^spec\.startTime: "2026-02-30'),
    "timeout": re.compile(r'^spec\.delivery\.timeout: "5000d"'),
    "bodyLimit": re.compile(r'^spec\.bodyLimit: "1\.5"'),
}
"""By field: what is found by the controllers alone, and told in the object's condition."""
