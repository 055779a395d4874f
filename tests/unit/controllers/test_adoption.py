"""What others wrote before an object was ours is taken over, and nothing else."""

from __future__ import annotations

from typing import Any

from controllers.adoption import taken_over


def _entry(manager: str, operation: str, fields: Any, **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_what_several_wrote_becomes_one_entry_of_ours() -> None:
    entries = [
        _entry("kubeless", "Update", {"f:spec": {"f:a": {}}, "f:status": {}}),
        _entry("kubectl-edit", "Update", {"f:spec": {"f:b": {}, "f:a": {}}}),
        _entry("tidegate", "Apply", {"f:spec": {"f:c": {}}}),
    ]
    (ours,) = taken_over(entries, "apps/v1")
    assert (ours["manager"], ours["operation"], ours["apiVersion"]) == (
        "tidegate",
        "Apply",
        "apps/v1",
    )
    assert ours["fieldsV1"] == {"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}}}


def test_what_others_apply_and_still_write_stays_theirs() -> None:
    entries = [
        _entry("argocd", "Apply", {"f:spec": {}}),
        _entry("kube-controller-manager", "Update", {"f:metadata": {}}),
        _entry("hpa", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
    ]
    assert taken_over(entries, "apps/v1") == entries
