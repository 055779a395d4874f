"""Who we are to a Kafka cluster: from the Secret of a trigger, or the gateway's own settings."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from gateway.credentials import check_whole, client_context, secret_text
from gateway.errors import ConfigError
from gateway.settings import KafkaSettings

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
KEYS = ("username", "password", "mechanism", "token", "ca.crt", "tls.crt", "tls.key")


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
        return f"SASL_{transport}" if self.username or self.token else transport

    @property
    def encrypted(self) -> bool:
        """Whether to speak TLS: when told to, or when there is material for it."""
        return bool(self.tls or self.ca or self.certificate)


def login_from_secret(name: str, content: Mapping[str, bytes], tls: bool) -> Login:
    """Check and convert the content of Secret `name`; raise `ConfigError` that says the fix."""
    text = {key: secret_text(name, key, content[key]) for key in KEYS if key in content}
    if not text:
        raise ConfigError(
            f"secret {name}: holds none of username+password, token, ca.crt or tls.crt+tls.key"
        )
    check_whole(name, text, ("username", "password"))
    check_whole(name, text, ("tls.crt", "tls.key"))
    if "token" in text and "username" in text:
        raise ConfigError(f"secret {name}: holds username and token; keep one way to log in")
    mechanism = text.get("mechanism", "PLAIN").upper()
    if mechanism not in MECHANISMS:
        known = ", ".join(MECHANISMS)
        raise ConfigError(f"secret {name}: key 'mechanism' is none of {known}; correct it")
    return Login(
        f"secret {name}",
        text.get("username", ""),
        text.get("password", ""),
        mechanism,
        text.get("token", ""),
        text.get("ca.crt", ""),
        text.get("tls.crt", ""),
        text.get("tls.key", ""),
        tls,
    )


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
    if login.token:
        options["sasl_mechanism"] = "OAUTHBEARER"
        options["sasl_oauth_token_provider"] = _Token(login.token)
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
