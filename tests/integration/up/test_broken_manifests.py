"""Twelve mistakes in one folder: a sentence for each, and the rest of the folder runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.up.manifests import function, route, stream
from tests.integration.up.running import Answer, running, tidegate

API = "apiVersion: kubeless.io/v1beta1"

BROKEN = {
    "wrong-type": function("return 1", name="typed").replace("handler: typed.main", "handler: 7"),
    "unknown-kind": f"{API}\nkind: HTTPTriger\nmetadata: {{name: x}}\nspec: {{}}\n",
    "unknown-version": "apiVersion: kubeless.io/v1\nkind: Function\nmetadata: {name: x}\n",
    "no-kind": f"{API}\nmetadata: {{name: x}}\n",
    "bad-cron": (
        f"{API}\nkind: CronJobTrigger\nmetadata: {{name: never}}\n"
        'spec: {function-name: good, schedule: "0 0 31 2 *"}\n'
    ),
    "missing-handler": function("return 1", name="bare").replace("  handler: bare.main\n", ""),
    "no-dot": function("return 1", name="dotless").replace("dotless.main", "dotless"),
    "unknown-field": route("mistyped", "good", "/m").replace("path:", "pth:"),
    "unknown-runtime": function("return 1", name="old").replace("python3.11", "cobol85"),
    "same-path": route("second", "good", "/good"),
    "no-secret": stream("sealed", "good").replace("  topic:", "  secret: missing\n  topic:"),
    "syntax": "apiVersion: [unclosed\nkind: Function\n",
    "same-name": function("return 'another'", name="good"),
}
WORDS = {
    "wrong-type": ("wrong-type.yaml", "Function default/typed", "spec.handler"),
    "unknown-kind": ("HTTPTriger", "did you mean HTTPTrigger"),
    "unknown-version": ("kubeless.io/v1", "write apiVersion: kubeless.io/v1beta1"),
    "no-kind": ("kind", "is missing", "add kind"),
    "bad-cron": ("CronJobTrigger default/never", "spec.schedule", "never fires"),
    "missing-handler": ("Function default/bare", "spec.handler", "is missing"),
    "no-dot": ("Function default/dotless", "has no dot", "write module.function"),
    "unknown-field": ("HTTPTrigger default/mistyped", "pth", "path"),
    "unknown-runtime": ("Function default/old", "cobol85", "python3.11"),
    "same-path": ("HTTPTrigger default/second", "/good", "HTTPTrigger default/first"),
    "no-secret": ("NATSTrigger default/sealed", "spec.secret", "create it"),
    "syntax": ("syntax.yaml:",),
    "same-name": ("Function default/good", "is there already", "rename"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with every mistake, and one function and trigger that are right."""
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "a-good.yaml").write_text(
        function("return 'good'", name="good") + route("first", "good", "/good")
    )
    for name, text in BROKEN.items():
        (manifests / f"{name}.yaml").write_text(text)
    return tmp_path


def missing_sentences(text: str) -> list[str]:
    """Return the mistakes that no single line of `text` names with all its words."""
    lines = text.splitlines()
    return [
        name
        for name, words in WORDS.items()
        if not any(all(word in line for word in (f"{name}.yaml", *words)) for line in lines)
    ]


@pytest.mark.regression("Fission: a trigger with a wrong function reference ends the process")
async def test_each_mistake_gets_a_sentence_and_the_rest_runs(folder: Path) -> None:
    async with running(folder, paths=(Path("manifests"),)) as up:
        await up.says("default/good: takes calls")
        answer = await up.command("function", "call", "good")
        assert answer.out == "good\n"
        assert missing_sentences(up.log) == []
        assert (await up.trigger("first"))["state"] == "Running"
        assert "Traceback" not in up.log


async def test_validate_names_the_same_mistakes_and_fails(folder: Path) -> None:
    answer = await tidegate("validate", "manifests", cwd=folder)
    assert answer.code == 1
    assert missing_sentences(answer.out) == []


async def test_validate_speaks_json(folder: Path) -> None:
    answer: Answer = await tidegate("validate", "manifests", "-o", "json", cwd=folder)
    rows = json.loads(answer.out)
    assert answer.code == 1
    assert len(rows) >= len(BROKEN)
    assert set(rows[0]) == {"severity", "file", "line", "object", "field", "message", "fix"}


async def test_validate_is_content_with_what_is_right(folder: Path) -> None:
    answer = await tidegate("validate", "manifests/a-good.yaml", cwd=folder)
    assert (answer.code, answer.out) == (0, "2 objects can run, 0 problems\n")
