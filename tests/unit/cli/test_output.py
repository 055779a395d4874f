"""Lists, headers, sentences, colours."""

from __future__ import annotations

import base64
import io
import json
import logging
import re

import pytest
import yaml

from controllers.local.logs import LogLine
from gateway.core.delivery import Outcome
from gateway.core.progress import Progress
from tests.support.events import subscription
from tidegate.api.subscription import HttpRoute
from tidegate.cli.call import call_headers, content_type
from tidegate.cli.names import unknown
from tidegate.cli.output import Format, document, listing, plain, say, table, write
from tidegate.cli.up.balance import Balance
from tidegate.cli.up.console import Console, ConsoleLog
from tidegate.cli.up.options import LogFormat
from tidegate.cli.up.report import where, without_credentials

ROWS = [{"name": "a", "count": 0, "pids": [1, 2]}, {"name": "longer", "count": 10, "pids": []}]


def test_columns_are_aligned_and_what_is_absent_is_a_dash() -> None:
    assert table(ROWS, (("NAME", "name"), ("COUNT", "count"), ("MORE", "none"))) == (
        "NAME     COUNT   MORE\na        0       -\nlonger   10      -"
    )


def test_wide_has_more_columns_and_json_has_everything() -> None:
    assert "PIDS" not in listing(ROWS, Format.TABLE, (("NAME", "name"),), (("PIDS", "pids"),))
    assert "1, 2" in listing(ROWS, Format.WIDE, (("NAME", "name"),), (("PIDS", "pids"),))
    assert json.loads(listing(ROWS, Format.JSON, ())) == ROWS
    assert listing(ROWS[:1], Format.YAML, ()) == "- name: a\n  count: 0\n  pids:\n  - 1\n  - 2"
    assert listing([], Format.JSON, ()) == "[]"


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ('{"a": 1}', "json"), ("null", "json"), ("[1]", "form"), ("7", "form"),
        ('"text"', "form"), ("plain", "form"), ("[" * 100_000, "form"),
    ],
)  # fmt: skip
def test_only_an_object_or_null_is_json(payload: str, kind: str) -> None:
    expected = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
    assert content_type(payload) == expected[kind]


def test_a_call_has_kubelesss_headers() -> None:
    headers = call_headers('{"a": 1}')
    assert len(base64.urlsafe_b64decode(headers["event-id"] + "=")) == 11
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers["event-time"])
    assert headers["event-namespace"] == "cli.kubeless.io"
    assert headers["event-type"] == headers["content-type"] == "application/json"
    assert set(call_headers(None)) == {"event-id", "event-time", "event-namespace"}


def test_unknown_names_say_which_are_near_or_which_there_are() -> None:
    assert unknown("function", "helo", ["hello", "x"]).endswith("did you mean hello?")
    assert unknown("function", "zzz", ["b", "a"]) == "there is no function 'zzz'; there is a, b"
    assert unknown("function", "zzz", []).endswith("none is running here")


def test_the_balance_sums_every_subscription_also_those_that_went() -> None:
    balance, gone, here = Balance(), Progress(), Progress()
    gone.books.received = gone.books.outcomes[Outcome.DELIVERED] = 3
    here.books.received = 2
    here.books.outcomes[Outcome.DROPPED] = 1
    here.books.holding = lambda: 1
    balance.note([(subscription("gone"), gone)])
    balance.note([(subscription("here"), here)])
    assert balance.sentence() == ("5 received = 3 delivered + 1 dropped + 1 in flight; drift 0")
    assert balance.in_flight() == {"default/HTTPTrigger/here/hello": 1}


def test_drifts_do_not_cancel_out() -> None:
    balance, lost, found = Balance(), Progress(), Progress()
    lost.books.received = 1
    found.books.outcomes[Outcome.DELIVERED] = 1
    balance.note([(subscription("a"), lost), (subscription("b"), found)])
    assert balance.drift == 2


def test_credentials_are_not_shown() -> None:
    assert without_credentials("nats://u:p@host:4222") == "nats://host:4222"
    assert without_credentials("nats://t@a:1,b:2") == "nats://a:1,nats://b:2"


def test_a_route_is_shown_as_its_url() -> None:
    route = HttpRoute(host="x.org", path="/a", methods=frozenset({"PUT", "GET"}))
    assert where(route, "http://here:1") == "GET,PUT http://here:1/a (Host: x.org)"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


LINE = LogLine(("default", "hello"), 0, "stdout", "words", 1_700_000_000.0)


def written(stream: io.StringIO, form: LogFormat = LogFormat.TEXT) -> str:
    """Write a line of a function, a record and a table."""
    console = Console(stream, form)
    console.output_of(LINE)
    record = logging.LogRecord("gateway", logging.WARNING, "", 0, "%s: late", ("x",), None)
    ConsoleLog(console).emit(record)
    console.show("A TABLE")
    console.close()
    return stream.getvalue()


def test_only_a_terminal_gets_colours() -> None:
    assert "\033[" not in written(io.StringIO())
    assert "\033[33mwarning: x: late" in written(Terminal())


def test_lines_of_functions_have_their_name_before() -> None:
    assert "hello | words\n" in written(io.StringIO())


def test_json_is_one_object_per_line_and_has_no_tables() -> None:
    first, second = map(json.loads, written(io.StringIO(), LogFormat.JSON).splitlines())
    assert first == {
        "time": "2023-11-14T22:13:20.000Z", "level": "info", "message": "words",
        "function": "default/hello", "replica": 0, "stream": "stdout",
    }  # fmt: skip
    assert (second["level"], second["message"], second["logger"]) == (
        "warning", "x: late", "gateway",
    )  # fmt: skip


@pytest.mark.regression(
    "kubectl: writes what objects say to a terminal, which takes it for commands (CVE-2021-25743)"
)
def test_nothing_that_is_written_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "a\x1b]0;owned\x07b\x7f\x9b2Jc"}]
    write(listing(rows, Format.TABLE, (("ID", "id"),)))
    write(f"{rows[0]['id']}\tis\nhere \N{SNOWMAN}")
    escaped = r"a\u001b]0;owned\u0007b\u007f\u009b2Jc"
    assert capsys.readouterr().out == f"ID\n{escaped}\n{escaped}\tis\nhere \N{SNOWMAN}\n"
    say(rows[0]["id"])
    assert capsys.readouterr().err == f"{escaped}\n"
    for form in (Format.JSON, Format.YAML):
        write(document(rows, form))
        printed = capsys.readouterr().out
        assert plain(printed) == printed
        assert yaml.safe_load(printed) == rows
