"""Each refusal becomes the error by which its catcher decides."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.kube.call import Call
from tidegate.kube.errors import (
    AlreadyExists,
    ApplyConflict,
    Conflict,
    Denied,
    FieldOwner,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    NotServed,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from tidegate.kube.resources import CONFIG_MAPS, DEPLOYMENTS, LEASES, SECRETS
from tidegate.kube.status import Refusal, error_from

CALL = Call("patch", DEPLOYMENTS, "prod", "hello", "status")


def _error(code: int, **status: Any) -> KubeError:
    return error_from(Refusal(CALL, code, status))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, {}, Invalid),
        (401, {}, Unauthorized),
        (403, {"message": "exceeded quota: small"}, Denied),
        (404, {}, NotServed),
        (404, {"details": {"name": "hello"}}, NotFound),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (409, {"reason": "Conflict"}, Conflict),
        (410, {}, Gone),
        (422, {"reason": "Invalid"}, Invalid),
        (429, {}, TooManyRequests),
        (500, {}, Unavailable),
        (503, {}, Unavailable),
        (504, {"details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}}, Gone),
    ],
)
def test_the_code_and_the_reason_decide(
    code: int, status: dict[str, Any], kind: type[KubeError]
) -> None:
    assert type(_error(code, **status)) is kind


def test_every_message_begins_with_what_was_asked() -> None:
    for code in (400, 401, 403, 404, 409, 410, 422, 429, 500):
        assert str(_error(code)).startswith("patch deployments.apps hello (status) in namespace")


def test_a_missing_rule_is_spelled_out() -> None:
    message = 'deployments.apps "hello" is forbidden: User "system:serviceaccount:a:b" cannot'
    error = _error(403, message=f"{message} create resource")
    assert isinstance(error, Forbidden)
    assert (
        "RBAC does not let system:serviceaccount:a:b; grant apiGroups ['apps'],"
        " resources ['deployments/status'], verbs ['create'] in namespace prod" in str(error)
    )


def test_a_rule_for_the_whole_cluster_is_called_that() -> None:
    refusal = Refusal(
        Call("list", CONFIG_MAPS), 403, {"message": 'User "a" cannot list resource "configmaps"'}
    )
    assert "in the whole cluster" in str(error_from(refusal))


def test_the_owners_of_fields_are_named() -> None:
    cause = {
        "reason": "FieldManagerConflict",
        "field": ".spec.replicas",
        "message": 'conflict with "kubectl-edit" using apps/v1',
    }
    error = _error(409, details={"causes": [cause]})
    assert isinstance(error, ApplyConflict)
    assert error.owners == (FieldOwner(".spec.replicas", "kubectl-edit"),)
    assert ".spec.replicas (kubectl-edit)" in str(error)


def test_a_wait_is_what_the_header_or_the_body_asks_for() -> None:
    details = {"retryAfterSeconds": 7}
    assert _wait(Refusal(CALL, 429, {"details": details})) == 7
    assert _wait(Refusal(CALL, 503, {"details": details}, retry_after=2.0)) == 2.0
    assert _wait(Refusal(CALL, 500, {})) is None


def _wait(refusal: Refusal) -> float | None:
    error = error_from(refusal)
    assert isinstance(error, Unavailable)
    return error.retry_after


def test_nothing_of_a_secret_is_repeated() -> None:
    status = {
        "message": 'Invalid value: "hunter2"',
        "reason": "Invalid",
        "details": {"causes": [{"field": "data", "message": "hunter2"}]},
    }
    said = str(error_from(Refusal(Call("patch", SECRETS, "prod", "key"), 422, status)))
    assert "hunter2" not in said
    assert said.endswith(": data")


def test_a_long_message_is_cut() -> None:
    assert len(str(error_from(Refusal(Call("get", LEASES), 500, {"message": "x" * 9000})))) < 1200
