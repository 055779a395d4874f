"""HTTPTrigger: a host and a path whose calls reach a function."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tidegate.api import cel
from tidegate.api.delivery import Delivery, not_the_function
from tidegate.api.metadata import Custom
from tidegate.api.model import Model
from tidegate.api.rule import Checked, Rule, matching, without
from tidegate.api.scalars import DnsLabel, DnsName, Host, SecretName, Size

DEFAULT_BODY_LIMIT = 6 * 1024 * 1024


_path = Checked(
    without(
        r"[\s?#\x00-\x1f]|(^|/)[.][.](/|$)",
        "is not a plain path",
        "write a path such as orders/new; queries and sub-paths reach the function",
    ),
    longest=2048,
)
_method = Checked(
    matching("[A-Z]{1,32}", "is not a method", "write it in capital letters, for example GET")
)
_FOR_AN_INGRESS = " || ".join(
    (
        "(has(self.tls) && self.tls)",
        f"({cel.has('cors-enable')} && {cel.field('cors-enable')})",
        *(f"({cel.given(name)})" for name in ("gateway", "tls-secret", "basic-auth-secret")),
    )
)


class GatewayRef(Model):
    """Names a Gateway of the Gateway API."""

    name: Annotated[DnsName, Field(examples=["public"])]
    """The Gateway."""
    namespace: DnsLabel | None = None
    """Where it is. Default the namespace of the trigger."""
    section_name: DnsName | None = None
    """One of its listeners. Default all of them."""


class HTTPTriggerSpec(Model):
    """Which calls reach which function.

    The caller waits and is told how it went, so that one attempt is made (`delivery.retry` is 0)
    and up to 256 calls are in flight, unless `delivery` says otherwise.
    """

    function_name: Annotated[DnsName, Field(alias="function-name", examples=["hello"])]
    """The function of this namespace that is called."""
    host_name: Annotated[Host, Field(alias="host-name")] = ""
    """The host that is asked for. Empty is any host."""
    tls: bool = False
    """Get a certificate for the host by ACME."""
    tls_secret: Annotated[SecretName, Field(alias="tls-secret")] = ""
    """A Secret with the host's certificate."""
    path: Annotated[str, _path] = ""
    """The path, without its leading slash, and all below it. Empty is every path."""
    basic_auth_secret: Annotated[SecretName, Field(alias="basic-auth-secret")] = ""
    """A Secret whose key `auth` is an htpasswd file."""
    gateway: str = ""
    """The ingress controller: nginx, traefik, kong or another class."""
    cors_enable: Annotated[bool, Field(alias="cors-enable")] = False
    """Answer cross-origin requests."""
    methods: Annotated[tuple[Annotated[str, _method], ...], Field(strict=False, max_length=64)] = ()
    """The methods that are taken. Empty is any method."""
    body_limit: Size = DEFAULT_BODY_LIMIT
    """The largest body that is taken. Default 6Mi."""
    via: Literal["gateway", "function"] = "gateway"
    """Whom the ingress controller calls: the gateway, or the function's own Service."""
    gateway_ref: GatewayRef | None = None
    """A Gateway of the Gateway API, which gets an HTTPRoute. Default none: an Ingress is made."""
    paused: bool = False
    """Answer 503 to every call, until this is false again."""
    delivery: Delivery = Delivery()
    """How hard the gateway tries."""

    agreements: ClassVar = (
        Rule(
            lambda self: not (self.tls and self.tls_secret),
            f"!(has(self.tls) && self.tls && {cel.given('tls-secret')})",
            "excludes tls",
            "keep tls for a certificate by ACME, or tls-secret for one of yours",
            ("tls-secret",),
        ),
        Rule(
            lambda self: not (self.tls or self.tls_secret) or self.host_name,
            f"!((has(self.tls) && self.tls) || ({cel.given('tls-secret')})) "
            f"|| ({cel.given('host-name')})",
            "is missing",
            "add the host that the certificate is for, for example host-name: api.example.com",
            ("host-name",),
        ),
        Rule(
            lambda self: self.delivery.batch is None,
            f"!({cel.has('delivery', 'batch')})",
            "does not go with HTTP",
            "remove it; each caller waits for an answer of its own",
            ("delivery", "batch"),
        ),
        Rule(
            lambda self: self.gateway_ref is None or not self.for_an_ingress,
            f"!has(self.gatewayRef) || !({_FOR_AN_INGRESS})",
            "does not go with gateway, tls, tls-secret, basic-auth-secret and cors-enable",
            "remove them, since listeners and filters of the Gateway do that, or remove it",
            ("gatewayRef",),
        ),
        Rule(
            lambda self: self.via == "gateway" or not self.paused,
            "!has(self.via) || self.via == 'gateway' || !has(self.paused) || !self.paused",
            "cannot hold up calls that do not come to the gateway",
            "remove it, or remove via: function",
            ("paused",),
        ),
        Rule(
            lambda self: self.via == "gateway" or not self.methods or self.gateway_ref is not None,
            "!has(self.via) || self.via == 'gateway' || !has(self.methods) "
            "|| self.methods.size() == 0 || has(self.gatewayRef)",
            "cannot be held by an Ingress that leads past the gateway",
            "remove it, or remove via: function",
            ("methods",),
        ),
        not_the_function(),
    )

    @property
    def for_an_ingress(self) -> bool:
        """Whether something is asked for that an HTTPRoute does not say."""
        names = (self.gateway, self.tls_secret, self.basic_auth_secret)
        return self.tls or self.cors_enable or any(names)

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
