"""What an API server says of an object, beside what the command line says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.support.definitions import KINDS
from tidegate.api.document import documents
from tidegate.api.problem import Problem
from tidegate.kube.call import Call
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Invalid
from tidegate.kube.objects import Object
from tidegate.kube.resources import Resource
from tidegate.kube.transport import Request

_KEY = re.compile(r"\[([A-Za-z]\w*)\]")
"""The API server writes the key of a map as the command line writes an index."""
KINESIS = "function-name: f, stream: s, aws-region: eu-west-1"


async def apply(
    client: KubeClient, obj: Object, resource: Resource | None = None, *, dry: bool = True
) -> Object:
    """Create it as kubectl does: unknown fields are refused."""
    call = Call("create", resource or KINDS[obj["kind"]], obj["metadata"].get("namespace"))
    params = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
    return await client.transport.ask(Request(call, "POST", params, obj))


async def refusal(client: KubeClient, obj: Object) -> str:
    """Return what the API server says, or nothing when it takes the object."""
    try:
        await apply(client, obj)
    except Invalid as error:
        return _KEY.sub(r".\1", str(error))
    return ""


def objects_of(text: str, namespace: str = "default") -> Iterator[Object]:
    """Read the objects of our kinds."""
    found, _ = documents(text, "f.yaml")
    for document in found:
        if document.value["kind"] in KINDS:
            document.value["metadata"]["namespace"] = namespace
            yield document.value


def object_of(text: str) -> Object:
    """Read the one object."""
    (found,) = objects_of(text)
    return found


def sentence(problem: Problem) -> str:
    """What is told of it; a guess at what was meant is the command line's alone."""
    return re.sub(r" \(did you mean .*\?\)$", "", f"{problem.message}; {problem.fix}")
