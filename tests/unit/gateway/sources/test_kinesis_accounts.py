"""What sessions of different accounts have in common."""

from __future__ import annotations

import pytest

from gateway.sources.kinesis import aws
from gateway.sources.kinesis.aws import Account, open_session


async def test_what_is_known_of_aws_is_kept_once_for_all_accounts() -> None:
    accounts = [Account("eu-west-1", keys=("id", key, "")) for key in ("one", "other")]
    one, other = [await open_session(account) for account in accounts]
    assert one is not other
    assert one.get_component("data_loader") is other.get_component("data_loader")


async def test_who_has_keys_is_looked_for_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "IDENTITY_TIMEOUT", 0)
    assert await open_session(Account("eu-west-1", keys=("id", "key", "")))
