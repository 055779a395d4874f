"""Functions that are not Python, on a laptop."""

from __future__ import annotations

from controllers.desired.code import Code
from tests.support.laptop import Laptop, function


async def test_a_shell_script_is_a_function(laptop: Laptop) -> None:
    script = Code('#!/bin/sh\nprintf "%s from %s" "$1" "$FUNC_NAME"\n')
    laptop.functions.want([function(code=script, runtime="exec1")])
    await laptop.ready()
    assert await laptop.call() == "main from hello"
