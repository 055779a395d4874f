"""`tidegate get-server-config`: what a place lets functions be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.output import say, write

if TYPE_CHECKING:
    from tidegate.cli.functions.runtimes import Runtimes


def _get_server_config(where: WhereFlags) -> None:
    """Print the runtimes that functions can have."""
    from tidegate.cli.functions.runtimes import runtimes_of
    from tidegate.cli.place.open import run

    found: Runtimes = run(where.target(), runtimes_of)
    write("Current Server Config:")
    write(f"Supported Runtimes are: {', '.join(found.supported)}")
    if found.remark:
        say(f"tidegate: the configuration of the cluster may have more: {found.remark}")


get_server_config = grouped(_get_server_config)
