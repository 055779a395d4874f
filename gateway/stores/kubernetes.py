"""What sources must not forget, in Leases of the gateway's own namespace.

A Lease is small, has a holder, and the right to write Leases gives no power over anything else.
What is kept is in its annotations. Each write is conditional on the version that was read, so of
two that write at once exactly one succeeds. Names are hashes; an annotation says of what.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256

from gateway.errors import ConfigError, SourceUnavailable
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Unauthorized,
)
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import LEASES

KEEPS = "tidegate.io/keeps"
"""Label: what is kept in a Lease, `ledger` or `shards`."""

SUBJECT = "tidegate.io/of"
"""Annotation: of which subscription, or group of shards."""

VALUES_LIMIT = 200 * 1024
"""Bytes of what one Lease keeps; an API server takes 256 KiB of annotations."""


class Changed(Exception):
    """Another has written since we read."""


class LeaseObjects:
    """Reads and writes the Leases of one purpose; translates errors by the caller's decision."""

    def __init__(self, client: KubeClient, namespace: str, keeps: str) -> None:
        self._client = client
        self._namespace = namespace
        self._keeps = keeps

    def key(self, subject: str) -> ObjectKey:
        """Return where `subject` is kept."""
        digest = sha256(subject.encode()).hexdigest()[:40]
        return ObjectKey(self._namespace, f"tidegate-{self._keeps}-{digest}")

    async def read(self, subject: str) -> Object | None:
        """Return the Lease of `subject`, or None when there is none."""
        try:
            with self._translated("reading", subject):
                return await self._client.get(LEASES, self.key(subject))
        except NotFound:
            return None

    async def write(self, subject: str, before: Object | None, after: Object) -> Object:
        """Put `after` in place of `before`; raise `Changed` when that is not there any more."""
        try:
            with self._translated("writing", subject):
                if before is None:
                    return await self._client.create(LEASES, after)
                return await self._client.update(LEASES, after)
        except (AlreadyExists, Conflict, NotFound) as error:
            raise Changed from error

    def lease(
        self, subject: str, before: Object | None, holder: str, values: dict[str, str]
    ) -> Object:
        """Return the Lease that has `holder` and keeps `values`, for a write after `before`."""
        if sum(map(len, values.values())) > VALUES_LIMIT:
            raise ConfigError(
                f"writing the {self._keeps} of {subject}: they are longer than the "
                f"{VALUES_LIMIT // 1024} KiB that a Lease keeps; for a stream of so many shards "
                "set leaseTable to a DynamoDB table"
            )
        key = self.key(subject)
        metadata: Object = {
            "namespace": key.namespace,
            "name": key.name,
            "labels": {KEEPS: self._keeps, "app.kubernetes.io/managed-by": "tidegate"},
            "annotations": {SUBJECT: subject, **values},
        }
        if before is not None:
            metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"renewTime": renewed} | ({"holderIdentity": holder} if holder else {})
        return {"metadata": metadata, "spec": spec}

    @contextmanager
    def _translated(self, doing: str, subject: str) -> Iterator[None]:
        try:
            yield
        except (AlreadyExists, Conflict, NotFound):
            raise
        except (Denied, Forbidden, Invalid, Unauthorized) as error:
            raise ConfigError(f"{doing} the {self._keeps} of {subject}: {error}") from error
        except KubeError as error:
            raise SourceUnavailable(f"{doing} the {self._keeps} of {subject}: {error}") from error


def values_of(lease: Object | None) -> dict[str, str]:
    """Return what a Lease keeps."""
    annotations = (lease or {}).get("metadata", {}).get("annotations") or {}
    return {name: text for name, text in annotations.items() if name != SUBJECT}


def holder_of(lease: Object | None) -> str:
    """Return who holds a Lease; empty for nobody."""
    holder: str = ((lease or {}).get("spec") or {}).get("holderIdentity") or ""
    return holder
