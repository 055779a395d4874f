"""Which runtimes a place has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.cli.cluster.options import HOME
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.place import Place
from tidegate.kube.errors import Forbidden, NotFound
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import CONFIG_MAPS

CONFIG: Final = "kubeless-config"
HOMES: Final = (HOME, "kubeless")
"""Where an administrator's configuration is looked for: ours, then Kubeless's."""


@dataclass(frozen=True, slots=True)
class Runtimes:
    """Names that new functions may have, and those that are taken for old ones' sake.

    `remark` says why there may be more of them.
    """

    supported: Sequence[str]
    stand_ins: Sequence[str] = ()
    remark: str = ""


async def runtimes_of(place: Place) -> Runtimes:
    """Return the runtimes of the catalogue, and of a cluster's configuration."""
    from runtimes.catalog import RUNTIMES, SUCCESSORS

    found = Runtimes(tuple(RUNTIMES), tuple(SUCCESSORS))
    return found if place.is_laptop else await _with_config(place, found)


async def _with_config(place: Place, found: Runtimes) -> Runtimes:
    from controllers.desired.config import read_config

    for home in HOMES:
        try:
            config = await place.objects.get(CONFIG_MAPS, ObjectKey(home, CONFIG))
        except NotFound:
            continue
        except Forbidden as error:
            return Runtimes(found.supported, found.stand_ins, str(error))
        more = read_config(config.get("data") or {}).config.runtimes
        names = [name for name in more if name not in found.stand_ins]
        return Runtimes(tuple(dict.fromkeys((*found.supported, *names))), found.stand_ins)
    return found


def check_runtime(name: str, known: Runtimes) -> str:
    """Return a warning, or nothing. Raises `CommandError` for a runtime that is not there."""
    if name in known.supported or name in known.stand_ins:
        return ""
    if known.remark:
        return f"whether there is a runtime {name} is not known: {known.remark}"
    from difflib import get_close_matches

    near = get_close_matches(name, known.supported, n=2, cutoff=0.6)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise CommandError(
        f"Invalid runtime: {name}. Supported runtimes are: {', '.join(known.supported)}.{hint}",
        ExitCode.USAGE,
    )
