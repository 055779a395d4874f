"""Every error of the API server, by the decision that its catcher makes.

KubeError
├── AccessError         stop: how to reach the API server is not known, or wrong
├── Unauthorized        our credentials are refused: a person must renew them
├── Forbidden           RBAC lacks a rule: a person must grant it; the message says which
├── Denied              admission or a quota refused it: try when something has changed
├── Invalid             the object or the request is wrong: do not repeat it as it is
├── NotFound            it is not there
│   └── NotServed       … nor is its whole resource: a definition is not installed
├── AlreadyExists       something of that name is there
├── Conflict            it has changed: read it again, then decide anew
│   └── ApplyConflict   … or others own the fields: leave them, or force
├── Gone                this resource version cannot be had any more: list again
├── AnswerTooLarge      ask for less at a time
├── NotLeading          we may not write: the lease is not ours
└── Unavailable         try again later
    ├── TooManyRequests … and not before `retry_after`
    └── Silent          … on a new connection: the watch said nothing for too long
"""

from __future__ import annotations

from typing import NamedTuple


class KubeError(Exception):
    """The root: catch it to catch all that talking to Kubernetes raises on purpose."""


class AccessError(KubeError):
    """Server, certificate authority or credentials are missing or cannot be used."""


class Unauthorized(KubeError):
    """The API server does not know who we are."""


class Forbidden(KubeError):
    """The API server knows who we are, and RBAC does not let us."""


class Denied(KubeError):
    """RBAC would let us; admission, a policy or a quota does not."""


class Invalid(KubeError):
    """The API server will never take this request."""


class NotFound(KubeError):
    """There is no such object."""


class NotServed(NotFound):
    """There is no such resource."""


class AlreadyExists(KubeError):
    """There is an object of that name already."""


class Conflict(KubeError):
    """The object is not what the request took it for."""


class FieldOwner(NamedTuple):
    """A field that another writer has set to something else."""

    field: str
    owner: str


class ApplyConflict(Conflict):
    """Others own fields that the applied object sets differently; `owners` lists them."""

    def __init__(self, message: str, owners: tuple[FieldOwner, ...]) -> None:
        super().__init__(message)
        self.owners = owners


class Gone(KubeError):
    """The history from this resource version on is not kept, or not there yet."""


class AnswerTooLarge(KubeError):
    """An answer is longer than the client lets one be."""


class NotLeading(KubeError):
    """A write was held back because the lease is not, or no longer, ours."""


class Unavailable(KubeError):
    """The API server did not answer, or not now. `retry_after` is what it asked for, in seconds."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyRequests(Unavailable):
    """The API server sheds load."""


class Silent(Unavailable):
    """A watch brought neither an event nor a bookmark for longer than it may."""
