"""What a laptop makes of the Secrets that are to be mounted: nothing, and it says so."""

from __future__ import annotations

from tidegate.cli.functions.objects import Wish
from tidegate.cli.functions.pairs import names
from tidegate.cli.output import say
from tidegate.cli.place.place import Place
from tidegate.kube.errors import NotFound
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import SECRETS


async def tell_of_mounts(place: Place, wish: Wish) -> None:
    """Say what a laptop lacks of `--secrets`. In a cluster the pod waits for a missing Secret."""
    if not place.is_laptop:
        return
    for name, wanted in names(wish.pod_flags.secrets or ()).items():
        if wanted:
            say(f"tidegate: {await _sentence(place, name)}")


async def _sentence(place: Place, name: str) -> str:
    unmounted = (
        f"a laptop mounts nothing at /{name}; take what the function needs of it from variables, "
        "by valueFrom.secretKeyRef in a manifest"
    )
    try:
        await place.objects.get(SECRETS, ObjectKey(place.namespace, name))
    except NotFound:
        return (
            f"there is no Secret {name} in namespace {place.namespace}; add one to the files that "
            f"`tidegate up` reads; {unmounted}"
        )
    return unmounted
