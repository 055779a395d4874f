"""The table of lanes at the end of a run: what ran, and what was left out and why."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from xdist.workermanage import WorkerController


@dataclass(slots=True)
class Lane:
    """The tests of one folder."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reasons: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)
    """What tests want said with their lane, in order: `record_property(NOTE, …)`."""

    def row(self) -> str:
        """Return what became of the lane, in words."""
        parts = [f"{self.counts[name]} {name}" for name in NAMES if self.counts[name]]
        below = [*sorted(self.reasons), *self.notes]
        return ", ".join(parts) + "".join(f"\n{'':28}{line}" for line in below)


NOTE = "lane"
LEFT_OUT = "left out of lanes"
NAMES = ("passed", "failed", "skipped", "left out")


class Lanes:
    """A pytest plugin; a lane is a folder of tests two levels deep."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = defaultdict(Lane)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once, at the phase that decided it."""
        lane = self._lanes[_lane_of(report.nodeid)]
        if report.when == "call":
            lane.notes |= dict.fromkeys(
                str(value) for name, value in report.user_properties if name == NOTE
            )
        if report.skipped:
            lane.counts["skipped"] += 1
            if isinstance(report.longrepr, tuple):
                lane.reasons.add(report.longrepr[2].removeprefix("Skipped: "))
        elif report.failed:
            lane.counts["failed"] += 1
        elif report.when == "call":
            lane.counts["passed"] += 1

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count what the command line or the configuration left out."""
        for item in items:
            lane = self._lanes[_lane_of(item.nodeid)]
            lane.counts["left out"] += 1
            if item.get_closest_marker("slow"):
                lane.reasons.add("slow: run them with make slow")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the process that collects what several have run what was left out here."""
        said = getattr(session.config, "workeroutput", None)
        if said is not None:
            said[LEFT_OUT] = {
                name: (lane.counts["left out"], sorted(lane.reasons))
                for name, lane in self._lanes.items()
                if lane.counts["left out"]
            }

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Take over what one of them left out: each leaves out the same."""
        for name, (count, reasons) in getattr(node, "workeroutput", {}).get(LEFT_OUT, {}).items():
            lane = self._lanes[name]
            lane.counts["left out"] = count
            lane.reasons.update(reasons)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("lanes")
        for name, lane in sorted(self._lanes.items()):
            terminalreporter.write_line(f"{name:<28}{lane.row()}")


def _lane_of(nodeid: str) -> str:
    folders = nodeid.partition("::")[0].split("/")[1:-1]
    return "/".join(folders[:2]) or "tests"
