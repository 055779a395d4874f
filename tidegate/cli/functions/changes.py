"""Makes, changes and removes functions at a place."""

from __future__ import annotations

from tidegate.cli.errors import CommandError
from tidegate.cli.functions.flags import WaitFlags
from tidegate.cli.functions.mounts import tell_of_mounts
from tidegate.cli.functions.objects import (
    Object,
    Wish,
    changed,
    cron_trigger,
    difference,
    new_function,
)
from tidegate.cli.functions.runtimes import check_runtime, runtimes_of
from tidegate.cli.functions.waiting import ready
from tidegate.cli.output import say
from tidegate.cli.place.kinds import CRON_JOB_TRIGGERS, FUNCTIONS
from tidegate.cli.place.lookup import existing
from tidegate.cli.place.place import Place
from tidegate.cli.triggers.objects import check_object
from tidegate.kube.errors import AlreadyExists, Conflict, NotFound, NotServed
from tidegate.kube.objects import ObjectKey, version_of

ATTEMPTS = 8
"""How often a change is tried again that lost a race: controllers write statuses all the time."""

_UPDATES = {FUNCTIONS: "function update", CRON_JOB_TRIGGERS: "trigger cronjob update"}


async def created(place: Place, name: str, wish: Wish, schedule: str, wait: WaitFlags) -> None:
    """Make the function, and the trigger of its schedule. Raises `CommandError`.

    A trigger that calls the function at these times already stays as it is; one of its name that
    does not is told before anything is made.
    """
    function = new_function(name, place.namespace, wish)
    objects = {FUNCTIONS: function}
    if schedule:
        objects[CRON_JOB_TRIGGERS] = cron_trigger(function, schedule)
    await _check_runtime(place, wish)
    for obj in objects.values():
        check_object(obj)
    if schedule and await _is_scheduled(place, objects[CRON_JOB_TRIGGERS]):
        del objects[CRON_JOB_TRIGGERS]
    await tell_of_mounts(place, wish)
    say("Deploying function...")
    made = []
    for resource, obj in objects.items():
        try:
            made.append(await place.objects.create(resource, obj))
        except AlreadyExists as error:
            raise CommandError(
                f"the {resource.kind} {name} is in namespace {place.namespace} already; "
                f"change it with: tidegate {_UPDATES[resource]} {name}"
            ) from error
    say(f"Function {name} submitted for deployment")
    await _seen_through(place, made[0], wait)


async def _is_scheduled(place: Place, wanted: Object) -> bool:
    """Tell whether the trigger is there. Raises `CommandError` when another has its name."""
    name = wanted["metadata"]["name"]
    try:
        found = await place.objects.get(CRON_JOB_TRIGGERS, ObjectKey(place.namespace, name))
    except NotServed:
        raise
    except NotFound:
        return False
    spec = found.get("spec") or {}
    if all(spec.get(field) == value for field, value in wanted["spec"].items()):
        say(f"CronJobTrigger {name} calls it at these times already; it stays as it is")
        return True
    raise CommandError(
        f"the CronJobTrigger {name} is in namespace {place.namespace} already and calls "
        f"{spec.get('function-name')} at {spec.get('schedule')!r}; nothing was made; deploy "
        f"without --schedule and change it with: tidegate {_UPDATES[CRON_JOB_TRIGGERS]} {name}, "
        f"or remove it with: tidegate trigger cronjob delete {name}"
    )


async def updated(place: Place, name: str, wish: Wish, wait: WaitFlags, dry_run: bool) -> Object:
    """Change the function and return it as it is then. Raises `CommandError`."""
    await _check_runtime(place, wish)
    for _ in range(ATTEMPTS):
        before = await existing(place, FUNCTIONS, name, "function")
        after = changed(before, wish)
        check_object(after)
        change = difference(before, after)
        if dry_run or not change:
            return _kept(after, dry_run)
        change.setdefault("metadata", {})["resourceVersion"] = version_of(before)
        try:
            now = await place.objects.patch(FUNCTIONS, ObjectKey(place.namespace, name), change)
        except Conflict:
            continue  # somebody wrote in between: what is named goes onto what is there now
        await tell_of_mounts(place, wish)
        say("Redeploying function...")
        say(f"Function {name} submitted for deployment")
        await _seen_through(place, now, wait)
        return now
    raise CommandError(f"function {name} changes faster than it can be read; try again")


async def deleted(place: Place, name: str) -> None:
    """Remove the function. Raises `CommandError` when there is none."""
    await existing(place, FUNCTIONS, name, "function")
    await place.objects.delete(FUNCTIONS, ObjectKey(place.namespace, name))
    say(f"Function {name} deleted from namespace {place.namespace} successfully!")


def _kept(function: Object, dry_run: bool) -> Object:
    if not dry_run:
        say(f"Function {function['metadata']['name']} is so already; nothing changes")
    return {field: value for field, value in function.items() if field != "status"}


async def _check_runtime(place: Place, wish: Wish) -> None:
    name = wish.code_flags.runtime
    if name and not wish.code_flags.runtime_image:
        warning = check_runtime(name, await runtimes_of(place))
        if warning:
            say(f"tidegate: {warning}")


async def _seen_through(place: Place, function: Object, wait: WaitFlags) -> None:
    name = function["metadata"]["name"]
    if wait.wait:
        await ready(place, function, wait.wait_timeout)
        say(f"Function {name} takes calls")
    else:
        look = f"tidegate function ls {name} -n {place.namespace}"
        say(f"Check the deployment status executing '{look}'")
