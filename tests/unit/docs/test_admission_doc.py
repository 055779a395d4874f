"""docs/admission.md names what an API server does not refuse."""

from __future__ import annotations

from tests.unit.api.untold import CONDITIONS
from tests.unit.docs.pages import page

PAGE = page("docs/admission.md")


def test_every_field_that_becomes_a_condition_is_named() -> None:
    named = " ".join(row[0] for row in PAGE.rows())
    assert [field for field in CONDITIONS if f"`{field}`" not in named] == []
