"""Says in the log what changed in the files, and what is wrong with them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tidegate.api.metadata import Resource
from tidegate.api.problem import Problem, Severity
from tidegate.cli.up.manifests import Reading

logger = logging.getLogger(__name__)


def tell(before: Reading | None, reading: Reading) -> None:
    """Log what `reading` has that `before` had not."""
    known = before.problems if before is not None else ()
    for problem in reading.problems:
        if problem not in known:
            _log_problem(problem)
    if before is None:
        return
    for name in reading.kept:
        if name not in before.kept:
            logger.warning("%s: goes on as it was before it broke", name)
    for sentence in differences(before.resources, reading.resources):
        logger.info("%s", sentence)
    if known and not reading.problems:
        logger.info("all manifests are right again")


def differences(before: Iterable[Resource], after: Iterable[Resource]) -> list[str]:
    """Say which objects came, changed and went."""
    old, new = ({str(one): one for one in each} for each in (before, after))
    return [
        *(f"{name}: added" for name in new if name not in old),
        *(f"{name}: changed" for name in new if name in old and new[name] != old[name]),
        *(f"{name}: removed" for name in old if name not in new),
    ]


def _log_problem(problem: Problem) -> None:
    level = logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING
    logger.log(level, "%s", problem)
