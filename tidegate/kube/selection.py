"""Which objects a list or a watch is about."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.kube.call import Call
from tidegate.kube.resources import Resource

_METADATA = {
    "list": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "watch": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects of one resource: of one namespace or of all, by labels and fields.

    `labels` and `fields` are selectors as kubectl takes them, such as `app=a,tier!=b`. Of
    `metadata_only` the API server sends names, labels and annotations, and nothing else.
    """

    resource: Resource
    namespace: str = ""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False

    def accept(self, verb: str) -> str:
        """Return what form of objects to ask for; empty for whole ones."""
        return _METADATA[verb] if self.metadata_only else ""

    def call(self, verb: str) -> Call:
        """Return what to ask the API server for them."""
        return Call(verb, self.resource, self.namespace)

    def params(self) -> dict[str, str]:
        """Return the selectors, for the query."""
        both = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {name: text for name, text in both.items() if text}

    def __str__(self) -> str:
        narrowed = " ".join(text for text in (self.labels, self.fields) if text)
        where = f"{self.resource.full_name} in {self.namespace or 'all namespaces'}"
        return f"{where} ({narrowed})" if narrowed else where
