"""The verbs `install` and `check`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tidegate.cli.cluster.options import (
    HOME,
    ContextOption,
    HomeOption,
    KubeconfigOption,
    Overlay,
    OverlayOption,
)
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.output import write

if TYPE_CHECKING:
    from tidegate.cli.cluster.kustomize import Object
    from tidegate.kube.access import Access

T = TypeVar("T")


def install(
    overlay: OverlayOption = Overlay.DEV,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the objects; ask no cluster.")
    ] = False,
    namespace: HomeOption = HOME,
    image: Annotated[
        str, typer.Option(metavar="NAME:TAG", help="Image. Default that of the overlay.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Take back fields that others have changed.")
    ] = False,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
) -> None:
    """Install Tidegate on a cluster, or bring it up to date."""
    import yaml

    from tidegate.cli.cluster.access import cluster_access
    from tidegate.cli.cluster.bundle import Variant, bundle

    objects = bundle(Variant(overlay, namespace, image))
    if dry_run:
        write(yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True).rstrip("\n"))
    else:
        _run(_install(objects, cluster_access(kubeconfig, context), force))


def check(
    overlay: OverlayOption = Overlay.DEV,
    namespace: HomeOption = HOME,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = "",
) -> None:
    """Say what a cluster lacks of what Tidegate needs. Exits with 1 when it does."""
    from tidegate.cli.cluster.access import cluster_access
    from tidegate.cli.cluster.bundle import Variant, bundle

    objects = bundle(Variant(overlay, namespace))
    if not _run(_check(objects, cluster_access(kubeconfig, context))):
        raise typer.Exit(ExitCode.FAILURE)


async def _install(
    objects: list[Object], reached: Coroutine[Any, Any, Access], force: bool
) -> None:
    from tidegate.cli.cluster.install import install as install_all
    from tidegate.kube.client import connected

    async with connected(await reached) as client:
        await install_all(client, objects, write, force=force)
    write("installed; tidegate check tells when it runs")


async def _check(objects: list[Object], reached: Coroutine[Any, Any, Access]) -> bool:
    from tidegate.cli.cluster.check import findings
    from tidegate.kube.client import connected

    good = True
    async with connected(await reached) as client:
        async for finding in findings(client, objects):
            write(str(finding))
            good = good and not finding.fatal
    return good


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Do it; raise `CommandError` for what the API server or the way to it refuses."""
    from tidegate.kube.errors import AccessError, KubeError, Unavailable

    try:
        return asyncio.run(work)
    except Unavailable as error:
        raise CommandError(str(error), ExitCode.UNREACHABLE) from error
    except AccessError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except KubeError as error:
        raise CommandError(str(error)) from error
