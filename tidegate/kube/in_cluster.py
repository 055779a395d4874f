"""Access as every pod has it: a service account's token, renewed in its file by the kubelet."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from tidegate.kube.access import Access, FileToken
from tidegate.kube.errors import AccessError

MOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_cluster(environment: Mapping[str, str] = os.environ, mount: Path = MOUNT) -> Access:
    """Return the access of this pod. Reads files: call it in a thread.

    Raises `AccessError` when this is no pod, or one without a service account's token.
    """
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise AccessError(
            "access in the cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not"
            " set; run in a pod, or name a kubeconfig"
        )
    if ":" in host:
        host = f"[{host}]"
    token = mount / "token"
    if not token.exists():
        raise AccessError(
            f"access in the cluster: there is no {token};"
            " set automountServiceAccountToken of the pod to true"
        )
    return Access(
        server=f"https://{host}:{port}",
        namespace=_namespace(mount),
        tls=_trusting(mount / "ca.crt"),
        tokens=FileToken(token),
    )


def _trusting(authority: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(authority))
    except (OSError, ssl.SSLError) as error:
        raise AccessError(f"access in the cluster: reading {authority}: {error}") from error


def _namespace(mount: Path) -> str:
    try:
        return (mount / "namespace").read_text().strip() or "default"
    except OSError as error:
        raise AccessError(f"access in the cluster: reading the namespace: {error}") from error
