"""CronJobTrigger: a schedule whose times call a function."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import cel, schedule
from tidegate.api.delivery import Delivery, not_the_function
from tidegate.api.metadata import Custom
from tidegate.api.mistake import Mistake
from tidegate.api.model import Model
from tidegate.api.rule import Checked, Rule, matching
from tidegate.api.scalars import AnyJSON, DnsName

_BY_GATEWAY = "!has(self.mode) || self.mode == 'gateway'"
_EXAMPLE = 'write for example "*/5 * * * *", @daily or "@every 90s"'
_schedule = Checked(
    matching(
        r"((CRON_)?TZ=\S* +)?\s*(@\S.*|\S+(\s+\S+){4}\s*)",
        "has not exactly five fields",
        _EXAMPLE,
    )
)


class CronJobTriggerSpec(Model):
    """When which function is called, and with what."""

    schedule: Annotated[str, _schedule, Field(examples=["*/5 * * * *"])]
    """Five fields as in crontab, or @daily and its like, or @every with a duration."""
    function_name: Annotated[DnsName, Field(alias="function-name", examples=["hello"])]
    """The function of this namespace that is called."""
    payload: AnyJSON = None
    """Any JSON value, sent as the body of each call. Absent is no body."""
    time_zone: Annotated[str | None, Field(examples=["UTC"])] = None
    """The IANA zone of the schedule, for example Europe/Berlin. Default UTC."""
    starting_deadline_seconds: Annotated[int, Field(ge=0)] | None = None
    """A time that was missed by more than this is not fired any more. Default no limit."""
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Allow"
    """What a time does while the call before it still runs."""
    suspend: bool = False
    """Fire nothing, and do not catch up later."""
    missed_runs: Literal["latest", "all", "skip"] = "latest"
    """Which of the times that passed while nobody ran are fired afterwards."""
    mode: Literal["gateway", "cronjob"] = "gateway"
    """Who calls: the gateway, or in a cluster a batch/v1 CronJob. A laptop has the former alone."""
    paused: bool = False
    """Fire nothing until this is false again; then startingDeadlineSeconds and missedRuns say what
    is caught up."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    agreements: ClassVar = (
        Rule(
            lambda self: self.mode == "gateway" or self.delivery.dead_letter is None,
            f"{_BY_GATEWAY} || !({cel.has('delivery', 'deadLetter')})",
            "does not go with mode: cronjob, which keeps its last failed Job and no letters",
            "remove it, or remove mode",
            ("delivery", "deadLetter"),
        ),
        Rule(
            lambda self: self.mode == "gateway" or self.missed_runs != "all",
            f"{_BY_GATEWAY} || !has(self.missedRuns) || self.missedRuns != 'all'",
            "does not go with mode: cronjob, which fires the latest only",
            "write latest or skip, or remove mode",
            ("missedRuns",),
        ),
        Rule(
            lambda self: self.time_zone is None or "TZ=" not in self.schedule,
            "!has(self.timeZone) || !has(self.schedule) || !self.schedule.contains('TZ=')",
            "is in schedule, too",
            "keep it here, and remove it from schedule",
            ("timeZone",),
        ),
        not_the_function(),
    )

    def mistakes(self) -> Iterable[Mistake]:
        """The schedule fires at some time, in a zone that there is."""
        try:
            schedule.parse(self.schedule)
        except schedule.ScheduleError as error:
            yield Mistake(str(error), _EXAMPLE, ("schedule",))
            return
        if "TZ=" in self.schedule:
            return
        try:
            schedule.parse(self.schedule, self.time_zone)
        except schedule.ScheduleError as error:
            fix = "write an IANA zone, for example Europe/Berlin, here or in the schedule"
            yield Mistake(str(error), fix, ("timeZone",))

    @property
    def body(self) -> bytes | None:
        """The payload as compact JSON, or None when there is none."""
        if self.payload is None:
            return None
        text = json.dumps(self.payload, separators=(",", ":"), ensure_ascii=False)
        return text.encode()


class CronJobTrigger(Custom):
    """The times of a schedule call a function."""

    kind: Literal["CronJobTrigger"]
    spec: CronJobTriggerSpec
    short_names: ClassVar = ("cjtr",)
    columns: ClassVar = (
        ("Schedule", ".spec.schedule"),
        ("Function", ".spec.function-name"),
        ("Suspend", ".spec.suspend"),
        ("Last", ".status.lastScheduleTime"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )
