"""How far a Deployment is in becoming what it should be. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controllers import drift
from tidegate.kube.objects import Object


@dataclass(frozen=True, slots=True)
class Rollout:
    """Pods of one Deployment, counted, and what its controller says of them."""

    wanted: int = 0
    replicas: int = 0
    updated: int = 0
    """Those of this revision."""
    ready: int = 0
    available: int = 0
    is_current: bool = False
    """Whether the counts are about the Deployment as it was applied last."""
    is_stuck: bool = False
    """Whether it made no progress within its deadline."""
    refusal: str = ""
    """Why pods cannot even be made, such as a quota."""

    @property
    def is_done(self) -> bool:
        """Whether every pod runs this revision and takes calls, and no other pod is left."""
        return (
            self.is_current
            and self.replicas == self.updated == self.wanted
            and self.available >= self.wanted
        )

    @property
    def answers(self) -> bool:
        """Whether calls are answered, and by this revision alone. More pods may be on their way."""
        return self.is_current and self.available > 0 and self.replicas == self.updated


def rollout_of(live: Object | None, wanted: Object | None) -> Rollout:
    """Read the Deployment that is there; `wanted` is what it should be, None if nobody knows."""
    if live is None:
        return Rollout()
    status = live.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    progressing = conditions.get("Progressing", {})
    failure = conditions.get("ReplicaFailure", {})
    return Rollout(
        wanted=live["spec"].get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        is_current=wanted is not None and _is_about(live, wanted),
        is_stuck=progressing.get("reason") == "ProgressDeadlineExceeded",
        refusal=failure.get("message", "") if failure.get("status") == "True" else "",
    )


def _is_about(live: Object, wanted: Object) -> bool:
    metadata = live["metadata"]
    applied = (metadata.get("annotations") or {}).get(drift.APPLIED)
    observed = (live.get("status") or {}).get("observedGeneration", 0)
    return applied == drift.digest(wanted) and observed >= metadata.get("generation", 0)
