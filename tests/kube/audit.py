"""What service accounts asked of a real API server, from its audit log."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidegate.cli.cluster.rights import Grant

_WRITES = frozenset({"create", "update", "patch", "delete"})
_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
    omitManagedFields: true
  - level: None
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a resource, and whether RBAC let it pass."""

    group: str
    resource: str
    verb: str
    namespace: str
    allowed: bool

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name} in {self.namespace or 'all namespaces'}"


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes something, or would."""

    account: str
    resource: str
    verb: str
    received: str
    answered: str
    """Times of the API server's clock, which can be compared as they are."""
    code: int

    @property
    def is_election(self) -> bool:
        """Tell whether it is about who leads, and no work."""
        return self.resource == "leases"

    @property
    def is_done(self) -> bool:
        """Tell whether it was a success."""
        return 200 <= self.code < 300


class AuditLog:
    """The log of one server; give it `flags` to have it written."""

    def __init__(self, folder: Path) -> None:
        self._policy, self._log = folder / "audit.yaml", folder / "audit.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._policy.write_text(_POLICY)
        self._log.touch()

    @property
    def flags(self) -> list[str]:
        """What the API server must be told."""
        return [f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}"]

    def asked(self, account: str) -> set[Asked]:
        """Return all that `account`, such as `tidegate:tidegate-gateway`, asked for."""
        user = f"system:serviceaccount:{account}"
        entries = [one for one in self._entries() if one["user"]["username"] == user]
        # To apply what is not there takes the right to create it, which the log does not tell.
        created = {replace(_asked(one), verb="create") for one in entries if _has_created(one)}
        return created | {_asked(one) for one in entries}

    def writes(self, home: str) -> list[Write]:
        """Return what the accounts of the namespace `home` wrote, as it was answered."""
        prefix = f"system:serviceaccount:{home}:"
        return [
            _write(one, prefix)
            for one in self._entries()
            if one["user"]["username"].startswith(prefix) and one["verb"] in _WRITES
        ]

    def _entries(self) -> Iterator[dict[str, Any]]:
        for line in self._log.read_text().splitlines():
            entry = json.loads(line) if line.endswith("}") else {}
            if "objectRef" in entry:
                yield entry


def _asked(entry: dict[str, Any]) -> Asked:
    what = entry["objectRef"]
    resource, subresource = what["resource"], what.get("subresource", "")
    return Asked(
        group=what.get("apiGroup", ""),
        resource=f"{resource}/{subresource}" if subresource else resource,
        verb=entry["verb"],
        namespace=what.get("namespace", ""),
        allowed=entry["annotations"]["authorization.k8s.io/decision"] == "allow",
    )


def _write(entry: dict[str, Any], prefix: str) -> Write:
    return Write(
        account=entry["user"]["username"].removeprefix(prefix),
        resource=entry["objectRef"]["resource"],
        verb=entry["verb"],
        received=entry["requestReceivedTimestamp"],
        answered=entry["stageTimestamp"],
        code=entry.get("responseStatus", {}).get("code", 0),
    )


def _has_created(entry: dict[str, Any]) -> bool:
    return bool(entry.get("responseStatus", {}).get("code") == 201)


def unused(grants: Collection[Grant], asked: Collection[Asked]) -> set[str]:
    """Return the grants that none of `asked` needed, in words."""
    return {str(one) for one in grants if not any(_needs(each, one) for each in asked)}


def refused(asked: Collection[Asked]) -> set[str]:
    """Return what RBAC did not let pass, in words."""
    return {str(one) for one in asked if not one.allowed}


def _needs(asked: Asked, grant: Grant) -> bool:
    same = (asked.group, asked.resource, asked.verb) == (grant.group, grant.resource, grant.verb)
    return same and grant.namespace in ("", asked.namespace)
