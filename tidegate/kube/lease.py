"""What a Lease object says, and whether its holder may still be at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tidegate.kube.objects import Object, ObjectKey, version_of
from tidegate.kube.resources import LEASES


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as it is stored; `holder` is empty when it was given back."""

    holder: str = ""
    duration: float = 0.0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0
    version: str = ""

    def taken_by(self, identity: str, duration: float) -> LeaseRecord:
        """Return what the Lease shall say when `identity` holds it from now on, or still."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        held = self.holder == identity
        return LeaseRecord(
            identity,
            duration,
            self.acquired if held else now,
            now,
            self.transitions + (0 if held else 1),
            self.version,
        )

    def given_back(self) -> LeaseRecord:
        """Return what the Lease shall say when nobody holds it."""
        return LeaseRecord("", 1.0, self.acquired, self.renewed, self.transitions, self.version)


def record_of(lease: Object) -> LeaseRecord:
    """Read a Lease object, whoever has written it."""
    spec = lease.get("spec") or {}
    return LeaseRecord(
        spec.get("holderIdentity") or "",
        float(spec.get("leaseDurationSeconds") or 0),
        spec.get("acquireTime") or "",
        spec.get("renewTime") or "",
        int(spec.get("leaseTransitions") or 0),
        version_of(lease),
    )


def lease_object(key: ObjectKey, record: LeaseRecord) -> Object:
    """Return the Lease object that says `record`, for a write on condition of its version."""
    metadata = {"namespace": key.namespace, "name": key.name}
    if record.version:
        metadata["resourceVersion"] = record.version
    spec = {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": max(1, round(record.duration)),
        "acquireTime": record.acquired or None,
        "renewTime": record.renewed or None,
        "leaseTransitions": record.transitions,
    }
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": metadata,
        "spec": {name: value for name, value in spec.items() if value is not None},
    }


class Observation:
    """When somebody else's Lease ends, by our own clock alone.

    Clocks of different machines differ, so the times in a Lease are not compared with ours: it ends
    when we have seen it unchanged for as long as its holder asked for.
    """

    def __init__(self) -> None:
        self._record: LeaseRecord | None = None
        self._since = 0.0

    def see(self, record: LeaseRecord, now: float) -> None:
        """Take note of what the Lease says at `now`."""
        if self._record is None or self._record.version != record.version:
            self._record = record
            self._since = now

    def holds(self, now: float) -> bool:
        """Return whether a holder was seen who may still be at work at `now`.

        So it is also while the Lease is missing: who deleted it did not stop the holder.
        """
        record = self._record
        return record is not None and bool(record.holder) and now < self._since + record.duration
