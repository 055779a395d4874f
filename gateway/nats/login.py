"""Which server a subscription means, and as whom; and the shared connection to it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from gateway.context import Context
from gateway.nats.connection import Connection, Server, check_url, opener
from gateway.nats.credentials import Credentials, credentials_from_secret
from tidegate.api.subscription import NatsSubject, Subscription


def server_of(subscription: Subscription, context: Context) -> Server:
    """Return the server that a NATS trigger names, and the gateway's own for every other kind.

    Raises `ConfigError` for an address or a Secret that cannot work. The Secret is read from the
    subscription's own namespace only.
    """
    settings = context.settings.nats
    source = subscription.source
    spec = source if isinstance(source, NatsSubject) else NatsSubject("", "")
    url = spec.url or settings.url
    credentials, secret = _credentials(subscription.namespace, spec, context)
    check_url(url, credentials)
    return Server(url, spec.tls, secret, credentials, settings.connect_timeout)


def borrow(server: Server, context: Context) -> AbstractAsyncContextManager[Connection]:
    """Use the connection to `server` together with all who log in alike."""
    open_connection, close_connection = opener(server)
    return context.shared.use(("nats", server), open_connection, close_connection)


def _credentials(namespace: str, spec: NatsSubject, context: Context) -> tuple[Credentials, str]:
    if spec.secret is None:
        return Credentials(), ""
    name = f"{namespace}/{spec.secret.name}"
    content = context.secrets.read(namespace, spec.secret.name)
    return credentials_from_secret(name, content), name
