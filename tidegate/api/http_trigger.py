"""HTTPTrigger: a host and a path whose calls reach a function."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tidegate.api.delivery import Delivery, loop_mistake
from tidegate.api.metadata import Custom
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.problem import quoted
from tidegate.api.scalars import DnsName, Host, SecretName, Size

DEFAULT_BODY_LIMIT = 6 * 1024 * 1024


def _path(text: str) -> str:
    if re.search(r"[\s?#\x00-\x1f]", text) or ".." in text.split("/"):
        fix = "write a path such as orders/new; queries and sub-paths reach the function"
        raise Mistake("is not a plain path", fix).error()
    return text


def _method(text: str) -> str:
    if re.fullmatch(r"[A-Z]{1,32}", text, re.ASCII) is None:
        fix = f"write {text.upper()}" if text.isalpha() else "write for example GET"
        raise Mistake(f"{quoted(text)} is not a method", fix).error()
    return text


class HTTPTriggerSpec(Model):
    """Which calls reach which function.

    The caller waits and is told how it went, so that one attempt is made (`delivery.retry` is 0)
    and up to 256 calls are in flight, unless `delivery` says otherwise.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.tls) && self.tls && "
                "has(self.tls__dash__secret) && self.tls__dash__secret != '')",
                "tls-secret excludes tls; keep tls for a certificate by ACME, "
                "or tls-secret for one of yours",
            ),
        )
    )

    function_name: Annotated[DnsName, Field(alias="function-name", examples=["hello"])]
    """The function of this namespace that is called."""
    host_name: Annotated[Host, Field(alias="host-name")] = ""
    """The host that is asked for. Empty is any host."""
    tls: bool = False
    """Get a certificate for the host by ACME."""
    tls_secret: Annotated[SecretName, Field(alias="tls-secret")] = ""
    """A Secret with the host's certificate."""
    path: Annotated[str, Field(max_length=2048), AfterValidator(_path)] = ""
    """The path, without its leading slash, and all below it. Empty is every path."""
    basic_auth_secret: Annotated[SecretName, Field(alias="basic-auth-secret")] = ""
    """A Secret whose key `auth` is an htpasswd file."""
    gateway: str = ""
    """The ingress controller: nginx, traefik, kong or another class."""
    cors_enable: Annotated[bool, Field(alias="cors-enable")] = False
    """Answer cross-origin requests."""
    methods: Annotated[
        tuple[Annotated[str, AfterValidator(_method)], ...], Field(strict=False)
    ] = ()
    """The methods that are taken. Empty is any method."""
    body_limit: Size = DEFAULT_BODY_LIMIT
    """The largest body that is taken. Default 6Mi."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    def mistakes(self) -> Iterable[Mistake]:
        """One certificate, and no batch of calls whose callers wait."""
        if self.tls and self.tls_secret:
            fix = "keep tls for a certificate by ACME, or tls-secret for one of yours"
            yield Mistake("excludes tls", fix, ("tls-secret",))
        if (self.tls or self.tls_secret) and not self.host_name:
            fix = "add the host that the certificate is for, for example host-name: api.example.com"
            yield Mistake("is missing", fix, ("host-name",))
        if self.delivery.batch is not None:
            fix = "remove it; each caller waits for an answer of its own"
            yield Mistake("does not go with HTTP", fix, ("delivery", "batch"))
        if self.delivery.loops_to("function") == self.function_name:
            yield loop_mistake(self.function_name)

    @property
    def route_path(self) -> str:
        """The path with exactly one leading slash."""
        return "/" + self.path.lstrip("/")


class HTTPTrigger(Custom):
    """Calls over HTTP reach a function."""

    kind: Literal["HTTPTrigger"]
    spec: HTTPTriggerSpec
    short_names: ClassVar = ("htr",)
    columns: ClassVar = (
        ("Function", ".spec.function-name"),
        ("Host", ".spec.host-name"),
        ("Path", ".spec.path"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )
