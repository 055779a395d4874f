"""From what the API server says to the error that its catcher decides by."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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

_LONGEST = 1024
_RBAC = re.compile(r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource')
_OWNER_REFERENCE = "cannot set blockOwnerDeletion"
"""What OwnerReferencesPermissionEnforcement says; it does not say of which owner."""

_OWNER = re.compile(r'conflict with "(?P<owner>[^"]*)"')


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success: the HTTP code, and the `Status` object when there is one."""

    call: Call
    code: int
    status: dict[str, Any]
    retry_after: float | None = None

    @property
    def reason(self) -> str:
        """The machine's word for it, such as `AlreadyExists`; empty when none came."""
        return str(self.status.get("reason") or "")

    @property
    def causes(self) -> list[dict[str, str]]:
        """What is wrong in particular: `reason`, `field`, `message`."""
        return self._details.get("causes") or []

    @property
    def wait(self) -> float | None:
        """How long the API server asks us to stay away, in seconds."""
        said = self.retry_after
        return self._details.get("retryAfterSeconds") if said is None else said

    @property
    def text(self) -> str:
        """What it says, bounded; of Secrets only which fields, as a message may quote values."""
        if self.call.resource.plural == "secrets":
            return ", ".join(cause.get("field", "") for cause in self.causes) or self.reason
        return str(self.status.get("message") or f"HTTP {self.code}")[:_LONGEST]

    @property
    def missing_name(self) -> str:
        """Which object is not there; empty when it is not about one."""
        return str(self._details.get("name") or "")

    @property
    def missing_kind(self) -> str:
        """Of which resource that object would be."""
        return str(self._details.get("kind") or "")

    @property
    def _details(self) -> dict[str, Any]:
        return self.status.get("details") or {}


def error_from(refusal: Refusal) -> KubeError:
    """Return the error by which a caller can decide what to do."""
    if _is_ahead(refusal):
        return Gone(f"{refusal.call}: the server is behind this version; list again")
    made = _BY_CODE.get(refusal.code)
    if made is not None:
        return made(refusal)
    if refusal.code >= 500:
        return Unavailable(_sentence(refusal), retry_after=refusal.wait)
    return Invalid(_sentence(refusal))


def _is_ahead(refusal: Refusal) -> bool:
    # A server restored from a backup, or one of several that lags, does not know our version.
    return any(cause.get("reason") == "ResourceVersionTooLarge" for cause in refusal.causes)


def _sentence(refusal: Refusal) -> str:
    return f"{refusal.call}: {refusal.text}"


def _unauthorized(refusal: Refusal) -> KubeError:
    return Unauthorized(
        f"{refusal.call}: the API server does not accept our credentials;"
        " renew the token or the client certificate"
    )


def _forbidden(refusal: Refusal) -> KubeError:
    call, message = refusal.call, str(refusal.status.get("message") or "")
    if _OWNER_REFERENCE in message:
        return Forbidden(
            f"{call}: RBAC does not let us set blockOwnerDeletion; grant verbs ['update'] on the"
            " finalizers of what owns it, such as resources ['functions/finalizers']"
        )
    found = _RBAC.search(message)
    if found is None:
        return Denied(_sentence(refusal))
    where = f"in namespace {call.namespace}" if call.namespace else "in the whole cluster"
    return Forbidden(
        f"{call}: RBAC does not let {found['user']}; grant apiGroups [{call.resource.group!r}],"
        f" resources [{call.rbac_resource!r}], verbs [{found['verb']!r}] {where}"
    )


def _missing(refusal: Refusal) -> KubeError:
    call = refusal.call
    if not refusal.missing_name:
        # Only of a path that nothing serves does it not say which object is missing.
        return NotServed(
            f"{call}: the cluster does not serve {call.rbac_resource}, group"
            f" {call.resource.group!r}, version {call.resource.version!r}; install its definition"
        )
    if refusal.missing_kind == "namespaces":
        return NotFound(f"{call}: there is no namespace {refusal.missing_name}; create it")
    return NotFound(f"{call}: there is none")


def _conflict(refusal: Refusal) -> KubeError:
    if refusal.reason == "AlreadyExists":
        return AlreadyExists(f"{refusal.call}: it is there already")
    owners = tuple(
        FieldOwner(cause.get("field", ""), _owner(cause.get("message", "")))
        for cause in refusal.causes
        if cause.get("reason") == "FieldManagerConflict"
    )
    if not owners:
        return Conflict(f"{refusal.call}: it has changed since it was read; read it again")
    named = ", ".join(f"{one.field} ({one.owner})" for one in owners)[:_LONGEST]
    return ApplyConflict(f"{refusal.call}: others own {named}; leave them, or force", owners)


def _owner(message: str) -> str:
    found = _OWNER.search(message)
    return found["owner"] if found else "unknown"


def _gone(refusal: Refusal) -> KubeError:
    return Gone(f"{refusal.call}: this version is not kept any more; list again")


def _busy(refusal: Refusal) -> KubeError:
    return TooManyRequests(
        f"{refusal.call}: the API server sheds load; try later", retry_after=refusal.wait
    )


_BY_CODE: dict[int, Callable[[Refusal], KubeError]] = {
    401: _unauthorized,
    403: _forbidden,
    404: _missing,
    409: _conflict,
    410: _gone,
    429: _busy,
}
