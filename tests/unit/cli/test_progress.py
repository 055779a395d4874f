"""What a long verb shows of itself."""

from __future__ import annotations

import io

from tidegate.cli.progress import WIDTH, Progress


class Terminal(io.StringIO):
    """A stream with a person before it."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_is_gone_in_the_end() -> None:
    screen = Terminal()
    with Progress(screen) as progress:
        progress.say("hello: it is starting")
        progress.tick()
        assert screen.getvalue().count("\n") == 0
        assert screen.getvalue().count("hello: it is starting (0 s)") == 2
        progress.say("x" * 200)
    lines = screen.getvalue().split("\r")
    assert max(map(len, lines)) == WIDTH
    assert lines[-2].strip() == ""


def test_what_a_function_said_last_commands_no_terminal_and_is_one_line() -> None:
    screen = Terminal()
    with Progress(screen) as progress:
        progress.say("hello: failed: \x1b[2J\rno module\nhello: it takes calls")
    assert r"failed: \u001b[2J\u000dno module\u000ahello: it takes calls (0 s)" in screen.getvalue()


def test_anything_else_has_a_line_for_each_sentence() -> None:
    file = io.StringIO()
    with Progress(file) as progress:
        for sentence in ("one", "one", "two"):
            progress.say(sentence)
        progress.tick()
    assert file.getvalue() == "one\ntwo\n"
