"""CronJobTrigger: a schedule whose times call a function."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import schedule
from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom
from tidegate.api.model import Mistake, Model
from tidegate.api.scalars import AnyJSON, DnsName

_EXAMPLE = 'write for example "*/5 * * * *", @daily or "@every 90s"'


class CronJobTriggerSpec(Model):
    """When which function is called, and with what."""

    schedule: Annotated[str, Field(examples=["*/5 * * * *"])]
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
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """The schedule fires at some time, and in one zone."""
        yield from self._schedule_mistakes()
        if self.delivery.loops_to("function") == self.function_name:
            yield loop_mistake(self.function_name)

    def _schedule_mistakes(self) -> Iterable[Mistake]:
        try:
            schedule.parse(self.schedule)
        except schedule.ScheduleError as error:
            yield Mistake(str(error), _EXAMPLE, ("schedule",))
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
    )
