"""What an Apache Kafka broker asks of those who come by another way than the open one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from tests.fakes.token_server import AUDIENCE, ISSUER

_SECURITY = "org.apache.kafka.common.security"
_LONGEST_SESSION = 3_600_000


@dataclass(frozen=True)
class Guards:
    """Passwords (PLAIN and SCRAM), keys of bearer tokens, and an authority of certificates.

    `keys` is a JWKS document. A connection with a token is closed when the token ends.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    keys: str = ""
    authority: trustme.CA | None = None

    def listeners(self, login: str, certificates: str) -> dict[str, str]:
        """Return the listeners by name, at the two addresses."""
        named = {"SASL_PLAINTEXT": login} if self.users or self.keys else {}
        return named | ({"SSL": certificates} if self.authority else {})

    def scram(self) -> list[str]:
        """Return what the tool that formats the log must be told."""
        return [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for name, password in self.users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]

    def properties(self, folder: Path) -> dict[str, str]:
        """Return the broker's settings; what they name is written into `folder`."""
        values = self._passwords() if self.users else {}
        if self.keys:
            (folder / "keys.json").write_text(self.keys)
            values |= self._tokens(folder / "keys.json")
        if self.authority is not None:
            values |= _certificates(self.authority, folder)
        mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] if self.users else []
        mechanisms += ["OAUTHBEARER"] if self.keys else []
        return values | {"sasl.enabled.mechanisms": ",".join(mechanisms)}

    def _passwords(self) -> dict[str, str]:
        known = "".join(f' user_{name}="{password}"' for name, password in self.users.items())
        scram = f"{_SECURITY}.scram.ScramLoginModule required;"
        return {
            _login("plain"): f"{_SECURITY}.plain.PlainLoginModule required{known};",
            _login("scram-sha-256"): scram,
            _login("scram-sha-512"): scram,
        }

    def _tokens(self, keys: Path) -> dict[str, str]:
        bearer = f"{_SECURITY}.oauthbearer.OAuthBearer"
        prefix = "listener.name.sasl_plaintext.oauthbearer"
        return {
            # The broker has a token of its own, which nobody asks it for.
            _login(
                "oauthbearer"
            ): f'{bearer}LoginModule required unsecuredLoginStringClaim_sub="b";',
            f"{prefix}.sasl.server.callback.handler.class": f"{bearer}ValidatorCallbackHandler",
            f"{prefix}.connections.max.reauth.ms": str(_LONGEST_SESSION),
            "sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.expected.issuer": ISSUER,
        }


def _login(mechanism: str) -> str:
    return f"listener.name.sasl_plaintext.{mechanism}.sasl.jaas.config"


def _certificates(authority: trustme.CA, folder: Path) -> dict[str, str]:
    """Have the broker show a certificate of `authority`, and ask for another."""
    mine = authority.issue_cert("127.0.0.1")
    key = serialization.load_pem_private_key(mine.private_key_pem.bytes(), None)
    as_java_wants = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = b"".join(one.bytes() for one in mine.cert_chain_pems)
    (folder / "broker.pem").write_bytes(as_java_wants + chain)
    (folder / "authority.pem").write_bytes(authority.cert_pem.bytes())
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "authority.pem"),
        "ssl.client.auth": "required",
    }
