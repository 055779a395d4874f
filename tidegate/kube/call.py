"""What we ask of the API server, in the words of its messages and of RBAC."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Call:
    """One request; its text opens every error about it."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def path(self) -> str:
        """Where it goes. Raises `Invalid` for a name that would lead elsewhere."""
        return self.resource.path(self.namespace, self.name, self.subresource)

    @property
    def rbac_resource(self) -> str:
        """What a rule's `resources` must list."""
        if not self.subresource:
            return self.resource.plural
        return f"{self.resource.plural}/{self.subresource}"

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource.full_name}"
        if self.name:
            what += f" {self.name}"
        if self.subresource:
            what += f" ({self.subresource})"
        return f"{what} in namespace {self.namespace}" if self.namespace else what


class Address(Call):
    """An address that is no resource's: its `name` is the whole path."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """Where it goes."""
        return self.name

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"
