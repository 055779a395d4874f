"""docs/settings.md is what the settings' docstrings say now."""

from __future__ import annotations

from dataclasses import fields

from gateway.settings import Settings
from tests.unit.docs.settings_page import PAGE, rendered


def test_the_page_is_up_to_date() -> None:
    message = "run: python -m tests.unit.docs.settings_page"
    assert PAGE.read_text(encoding="utf-8") == rendered(), message


def test_every_setting_of_the_gateway_is_on_the_page() -> None:
    text = rendered()
    settings = Settings()
    for group in fields(settings):
        for field in fields(getattr(settings, group.name)):
            assert f"| `{field.name}` |" in text
