"""Rows of functions and triggers, and the Secrets of the files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.progress import Progress
from gateway.errors import ConfigError
from tests.support.events import subscription
from tests.unit.cli.manifests import function, joined
from tidegate.api.function import Function
from tidegate.api.loader import load
from tidegate.api.subscription import NatsSubject, SecretRef
from tidegate.cli.up.report import function_rows, overview, trigger_rows
from tidegate.cli.up.secrets import FileSecrets

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: broker}}
stringData: {{token: {token}}}
"""
IDLE = """\
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {name: idle}
spec: {topic: a, functionSelector: {matchLabels: {no: one}}}
"""


def secrets(token: str) -> FileSecrets:
    """Return the Secrets of a file with one."""
    found = FileSecrets()
    found.replace(load(SECRET.format(token=token))[0])
    return found


def test_a_secret_is_read_in_its_namespace_only() -> None:
    assert secrets("a").read("default", "broker") == {"token": b"a"}
    for place in (("other", "broker"), ("default", "none")):
        with pytest.raises(ConfigError, match="/".join(place)):
            secrets("a").read(*place)


def test_a_new_content_of_a_secret_is_a_change_of_its_subscriptions() -> None:
    source = NatsSubject("a", "q", secret=SecretRef("broker"))
    one = replace(subscription(), source=source)
    assert secrets("a").versioned(one) == secrets("a").versioned(one)
    assert secrets("a").versioned(one) != secrets("b").versioned(one)
    assert secrets("a").versioned(subscription()) == subscription()


def test_a_trigger_that_feeds_nothing_has_a_row_with_every_field_and_a_reason() -> None:
    resources, problems = load(IDLE)
    assert problems == []
    running = [(subscription("web"), Progress())]
    web, idle = trigger_rows(resources, running, "http://here")
    assert set(web) == set(idle)
    assert (idle["state"], idle["trigger"], idle["drift"]) == ("Idle", "idle", 0)
    assert "selects no function" in overview([], [web, idle])


def test_a_function_that_was_not_taken_up_yet_is_preparing() -> None:
    found = [each for each in load(joined(function()))[0] if isinstance(each, Function)]
    (row,) = function_rows(found, [])
    assert (row["status"], row["reason"], row["urls"]) == ("0/1 preparing", "", [])


def test_an_empty_folder_is_said_to_be_one() -> None:
    assert "There is no function and no trigger yet" in overview([], [])


def test_a_reason_that_names_its_trigger_is_not_named_again() -> None:
    (idle,) = trigger_rows(load(IDLE)[0], [], "http://here")
    named = idle | {"reason": "NATSTrigger default/idle: the broker is away"}
    assert overview([], [named]).count("NATSTrigger default/idle: ") == 1
    assert overview([], [idle]).count("NATSTrigger default/idle: ") == 1
