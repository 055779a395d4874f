"""Finds the place that is meant, opens it, and says in one sentence what is in the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.place import Place
from tidegate.cli.place.target import Target
from tidegate.cli.state import StateDir, not_running
from tidegate.kube.access import Access
from tidegate.kube.client import connected
from tidegate.kube.errors import AccessError, Invalid, KubeError, NotFound, Unavailable

if TYPE_CHECKING:
    from tidegate.cli.place.cluster import ClusterPlace
    from tidegate.cli.place.laptop import LaptopPlace

DEFAULT_STATE = Path(".tidegate")

T = TypeVar("T")


def run(target: Target, work: Callable[[Place], Awaitable[T]]) -> T:
    """Open the place, do the work there, and return what it returns.

    Raises `CommandError` for whatever the place, the way to it or Kubernetes refuses.
    """
    try:
        return asyncio.run(_done(target, work))
    except Unavailable as error:
        raise CommandError(str(error), ExitCode.UNREACHABLE) from error
    except (AccessError, NotFound, Invalid) as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KubeError as error:
        raise CommandError(str(error)) from error
    except BrokenPipeError:
        raise  # who read what we write has seen enough
    except OSError as error:
        raise CommandError(str(error)) from error


async def _done(target: Target, work: Callable[[Place], Awaitable[T]]) -> T:
    async with opened(target) as place:
        return await work(place)


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Place]:
    """The place for the length of the block. Raises `CommandError` and `KubeError`."""
    folder = await asyncio.to_thread(_laptop_folder, target)
    if folder is not None:
        async with _laptop(target, folder) as laptop:
            yield laptop
    else:
        async with _cluster(target) as cluster:
            yield cluster


@asynccontextmanager
async def _laptop(target: Target, folder: Path) -> AsyncIterator[LaptopPlace]:
    from tidegate.cli.place.laptop import LaptopPlace, laptop_access

    state = await asyncio.to_thread(StateDir, folder)
    contact = await asyncio.to_thread(state.contact)
    async with connected(laptop_access(contact)) as client:
        title = f"the `tidegate up` of {state.folder}"
        try:
            yield LaptopPlace(client, title, target.namespace or "default")
        except Unavailable as error:
            if not _alive(contact.pid):
                raise not_running(state.folder) from error
            if error.__cause__ is None:
                raise  # its own words
            raise Unavailable(_silent(title, error.__cause__)) from error


def _silent(title: str, cause: BaseException) -> str:
    """Say what the network did, in terms of a laptop: the client knows of API servers only."""
    when = "in time" if isinstance(cause, TimeoutError) else "any more"
    return f"{title} does not answer {when}; the terminal in which it runs says why"


@asynccontextmanager
async def _cluster(target: Target) -> AsyncIterator[ClusterPlace]:
    from tidegate.cli.cluster.access import cluster_access
    from tidegate.cli.cluster.options import HOME
    from tidegate.cli.place.cluster import HOME_VARIABLE, ClusterPlace

    access = await _reached(target, cluster_access)
    async with connected(access) as client:
        context = f"context {target.context}" if target.context else "the current context"
        title = f"{context} ({access.server})"
        home = os.environ.get(HOME_VARIABLE) or HOME
        yield ClusterPlace(client, target.namespace or access.namespace, title, home)


async def _reached(
    target: Target, cluster_access: Callable[[Path | None, str], Awaitable[Access]]
) -> Access:
    from tidegate.kube.kubeconfig import kubeconfig_path

    named = bool(target.context) or target.kubeconfig is not None
    try:
        return await cluster_access(target.kubeconfig, target.context)
    except AccessError as error:
        path = kubeconfig_path()
        if named or await asyncio.to_thread(path.exists):
            raise
        raise CommandError(
            f"no `tidegate up` is running with the state folder {_implied()}; start it with: "
            f"tidegate up, or name a cluster with --context or --kubeconfig: there is no {path}",
            ExitCode.UNREACHABLE,
        ) from error


def _laptop_folder(target: Target) -> Path | None:
    """Return the state folder of the laptop that is meant; None when a cluster is."""
    if target.state is not None:
        return target.state
    if target.context or target.kubeconfig is not None:
        return None
    try:
        contact = StateDir(_implied()).contact()
    except CommandError:
        return None
    return _implied() if _alive(contact.pid) else None


def _implied() -> Path:
    return Path(os.environ.get("TIDEGATE_STATE") or DEFAULT_STATE)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
