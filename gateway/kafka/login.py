"""Who we are to a Kafka cluster: from the Secret of a trigger, or the gateway's own settings."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from gateway.credentials import check_whole, client_context, secret_text
from gateway.errors import ConfigError
from gateway.kafka.oauth import ClientCredentials, TokenClient
from gateway.settings import KafkaSettings

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
BEARER = "OAUTHBEARER"
CLIENT_KEYS = ("client_id", "client_secret", "token_endpoint")
KEYS = (
    *("username", "password", "mechanism", "token"),
    *(*CLIENT_KEYS, "scope"),
    *("ca.crt", "tls.crt", "tls.key"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """One way to log in at most, and material for TLS. Never printed.

    `where` says where it comes from: a Secret, or the settings of the gateway.
    """

    where: str = ""
    username: str = ""
    password: str = ""
    mechanism: str = "PLAIN"
    token: str = ""
    client_id: str = ""
    client_secret: str = ""
    token_endpoint: str = ""
    scope: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    tls: bool = False
    insecure: bool = False

    def __repr__(self) -> str:
        held = [one.name for one in fields(self) if getattr(self, one.name)]
        return f"Login(holds={held})"

    @property
    def protocol(self) -> str:
        """The security protocol in Kafka's own words."""
        transport = "SSL" if self.encrypted else "PLAINTEXT"
        named = self.username or self.token or self.client_id
        return f"SASL_{transport}" if named else transport

    @property
    def encrypted(self) -> bool:
        """Whether to speak TLS: when told to, or when there is material for it."""
        return bool(self.tls or self.ca or self.certificate)


def login_from_secret(name: str, content: Mapping[str, bytes], tls: bool) -> Login:
    """Check and convert the content of Secret `name`; raise `ConfigError` that says the fix."""
    text = {key: secret_text(name, key, content[key]) for key in KEYS if key in content}
    if not text:
        raise ConfigError(
            f"secret {name}: holds none of username+password, token, {'+'.join(CLIENT_KEYS)},"
            " ca.crt or tls.crt+tls.key"
        )
    _check(name, text)
    return Login(
        f"secret {name}",
        text.get("username", ""),
        text.get("password", ""),
        _mechanism(name, text),
        text.get("token", ""),
        text.get("client_id", ""),
        text.get("client_secret", ""),
        text.get("token_endpoint", ""),
        text.get("scope", ""),
        text.get("ca.crt", ""),
        text.get("tls.crt", ""),
        text.get("tls.key", ""),
        tls,
    )


def _check(name: str, text: Mapping[str, str]) -> None:
    for keys in (("username", "password"), CLIENT_KEYS, ("tls.crt", "tls.key")):
        check_whole(name, text, keys)
    ways = [key for key in ("username", "token", "client_id") if key in text]
    if len(ways) > 1:
        raise ConfigError(f"secret {name}: holds {' and '.join(ways)}; keep one way to log in")
    if "client_id" in text and not re.match("https?://[^/]", text["token_endpoint"]):
        raise ConfigError(f"secret {name}: key 'token_endpoint' is no URL; write https://host/path")


def _mechanism(name: str, text: Mapping[str, str]) -> str:
    mechanism = text.get("mechanism", "PLAIN").upper()
    known = MECHANISMS if "username" in text else (*MECHANISMS, BEARER)
    if mechanism not in known:
        raise ConfigError(
            f"secret {name}: key 'mechanism' is none of {', '.join(known)}; correct it"
        )
    return mechanism


def login_from_settings(settings: KafkaSettings) -> Login:
    """Return the cluster-wide login, for triggers that name no brokers of their own.

    Reads the files that the settings name: call it in a thread.
    """
    ca, certificate, key = (
        _file(path) for path in (settings.ca_file, settings.certificate_file, settings.key_file)
    )
    return Login(
        "the gateway's settings",
        settings.username,
        settings.password,
        settings.mechanism,
        ca=ca,
        certificate=certificate,
        key=key,
        tls=settings.tls,
        insecure=settings.insecure,
    )


def client_options(login: Login) -> dict[str, Any]:
    """Return what a client must be told to log in. Uses files: call it in a thread."""
    options: dict[str, Any] = {"security_protocol": login.protocol}
    if login.encrypted:
        options["ssl_context"] = _tls_context(login)
    if login.token or login.client_id:
        options["sasl_mechanism"] = BEARER
        options["sasl_oauth_token_provider"] = (
            _Token(login.token) if login.token else ClientCredentials(_token_client(login))
        )
    elif login.username:
        options["sasl_mechanism"] = login.mechanism
        options["sasl_plain_username"] = login.username
        options["sasl_plain_password"] = login.password
    return options


class _Token(AbstractTokenProvider):  # type: ignore[misc]  # the library ships no types
    """A bearer token as it stands in a Secret; the trigger starts anew when that changes."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    async def token(self) -> str:
        return self._token


def _token_client(login: Login) -> TokenClient:
    """Return who asks for tokens: the endpoint may be of the world's authorities or of `ca`'s."""
    context: ssl.SSLContext | None = None
    if login.ca and login.token_endpoint.startswith("https:"):
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=login.ca)
    named = (login.token_endpoint, login.client_id, login.client_secret, login.scope)
    return TokenClient(*named, context)


def _tls_context(login: Login) -> ssl.SSLContext:
    try:
        context = client_context(login.ca, login.certificate, login.key)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"{login.where}: the CA, certificate or key is not valid PEM, or the key does not fit"
            f" the certificate: {getattr(error, 'reason', None) or 'cannot be read'}"
        ) from error
    if login.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _file(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"reading {path} for the Kafka login of the gateway: {error}; correct the path"
        ) from error
