"""Service accounts of tests, with rights and tokens as pods have them."""

from __future__ import annotations

from typing import Any

from tidegate.kube.client import KubeClient
from tidegate.kube.resources import Resource

SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")


async def account_token(
    client: KubeClient, namespace: str, name: str, *rules: dict[str, Any]
) -> str:
    """Make a service account that may do what `rules` say in its namespace; return a token."""
    metadata = {"namespace": namespace, "name": name}
    await client.create(SERVICE_ACCOUNTS, {"metadata": metadata})
    await client.create(ROLES, {"metadata": metadata, "rules": list(rules)})
    binding = {
        "metadata": metadata,
        "roleRef": {"apiGroup": ROLES.group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", **metadata}],
    }
    await client.create(ROLE_BINDINGS, binding)
    return await token_of(client, namespace, name)


async def token_of(client: KubeClient, namespace: str, name: str) -> str:
    """Return a token of a service account, as its pods have it."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"expirationSeconds": 3600},
    }
    granted = await client.create(SERVICE_ACCOUNTS, request, "token")
    token: str = granted["status"]["token"]
    return token
