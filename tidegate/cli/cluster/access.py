"""How the command reaches a cluster: as kubectl does, or as a pod."""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path

from tidegate.kube.access import Access
from tidegate.kube.in_cluster import in_cluster
from tidegate.kube.kubeconfig import LoginNeeded, from_kubeconfig, kubeconfig_path


async def cluster_access(kubeconfig: Path | None, context: str) -> Access:
    """Return the access of the kubeconfig, or in a pod without one that of its account.

    Raises `AccessError`.
    """
    path = kubeconfig or kubeconfig_path()
    if kubeconfig is None and await asyncio.to_thread(_is_pod_without_file, path):
        return await asyncio.to_thread(in_cluster)
    return await access_of_file(path, context)


async def access_of_file(path: Path, context: str) -> Access:
    """Return the access of the kubeconfig at `path`. Raises `AccessError`.

    Plugins and logins are taken from kubernetes-asyncio where it is installed.
    """
    try:
        return await asyncio.to_thread(from_kubeconfig, path, context)
    except LoginNeeded:
        if find_spec("kubernetes_asyncio") is None:
            raise
    return await _logged_in(path, context)


def _is_pod_without_file(path: Path) -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and not path.exists()


async def _logged_in(path: Path, context: str) -> Access:
    from tidegate.kube.config import library_access

    return await library_access(path, context)
