"""The sentences that docs/troubleshooting.md explains are those that the code prints."""

from __future__ import annotations

import pytest

from tests.unit.docs.pages import page
from tests.unit.docs.sources import GAP, messages

QUOTES = page("docs/troubleshooting.md").quotes()


def test_there_are_sentences_to_compare() -> None:
    assert len(QUOTES) > 25


@pytest.mark.parametrize("quote", QUOTES)
def test_the_code_prints_it(quote: str) -> None:
    sentence = quote.strip("`").removeprefix(f"{GAP}: ").rstrip(GAP).rstrip()
    assert any(sentence in message for message in messages()), sentence
