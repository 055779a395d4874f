"""What of the tests stays together when several processes share a run."""

from __future__ import annotations

import pytest

from tests.spread import in_order, unit_of


def test_tests_on_one_server_are_one_unit() -> None:
    files = ("kube/test_a.py", "kube/test_b.py", "conformance/kube/test_c.py")
    assert {unit_of(f"tests/{file}::test_it") for file in files} == {"API server"}


def test_each_language_of_the_function_contract_is_a_unit() -> None:
    folder = "tests/conformance/runtimes"
    named = {
        language: unit_of(f"{folder}/test_{each}.py::test_it[{language}-{each}]")
        for language in ("go", "python")
        for each in ("this", "that")
    }
    assert named == {"go": f"{folder}: go", "python": f"{folder}: python"}


def test_every_other_file_is_a_unit() -> None:
    assert unit_of("tests/unit/api/test_a.py::test_it[kube/x]") == "tests/unit/api/test_a.py"


def test_long_units_go_first_and_none_is_torn_apart(request: pytest.FixtureRequest) -> None:
    units = [unit_of(item.nodeid) for item in in_order(reversed(request.session.items))]
    begins = [one for number, one in enumerate(units) if one != units[number - 1] or not number]
    assert len(begins) == len(set(begins))
    quick = [one.startswith("tests/unit/") for one in begins]
    assert quick == sorted(quick)
