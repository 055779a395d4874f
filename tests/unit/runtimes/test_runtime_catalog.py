"""The catalogue of runtimes."""

import pytest

from runtimes.catalog import RUNTIMES, SUCCESSORS, UnknownRuntime, find


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_living_runtime_is_found_without_a_warning(name: str) -> None:
    choice = find(name)
    assert (choice.runtime.name, choice.warning) == (name, None)
    assert choice.runtime.files.is_dir()
    assert name == choice.runtime.language + choice.runtime.version


@pytest.mark.parametrize("name", SUCCESSORS)
def test_an_ended_runtime_has_a_living_successor_and_a_warning(name: str) -> None:
    choice = find(name)
    assert choice.runtime.name in RUNTIMES
    assert choice.warning is not None
    assert choice.warning.startswith(f"runtime {name} has ended: {choice.runtime.name} runs")


def test_a_name_of_kubeless_brings_back_what_its_runtime_did() -> None:
    assert find("nodejs14").runtime.env["FUNC_COMPAT"] == "kubeless"
    assert "FUNC_COMPAT" not in find("nodejs16").runtime.env
    assert "FUNC_COMPAT" not in find("nodejs22").runtime.env


def test_an_unknown_runtime_near_a_known_one_is_guessed() -> None:
    with pytest.raises(UnknownRuntime, match=r"there is no runtime 'pyhton3\.12': did you mean"):
        find("pyhton3.12")


def test_an_unknown_runtime_is_told_which_exist() -> None:
    with pytest.raises(UnknownRuntime, match=r"set runtime to one of python3\.11, python3\.12"):
        find("cobol1")
