"""What went wrong with the brokers: for the user to mend, or for us to try again."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from gateway.errors import ConfigError, GatewayError, SourceUnavailable
from gateway.kafka.oauth import TokenError, TokenRefused, TokenUnavailable

SILENCE = 5.0
"""Seconds without an answer after which it is said; brokers need about as many to elect one."""

logger = logging.getLogger(__name__)

_REFUSALS = (
    errors.SaslAuthenticationFailed,
    errors.AuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    TokenRefused,
    ssl.SSLCertVerificationError,
)
_DENIALS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)
_MISFITS = (
    errors.InconsistentGroupProtocolError,
    errors.InvalidGroupIdError,
    errors.InvalidSessionTimeoutError,
)


@dataclass(frozen=True, slots=True)
class Membership:
    """How a consumer takes part in its group."""

    name: str
    """Of the trigger, for messages."""

    group: str
    brokers: tuple[str, ...]
    read_committed: bool
    login: Mapping[str, Any]


class Failures:
    """Makes errors of the client library into ours, with sentences for one trigger."""

    def __init__(self, membership: Membership, connect_timeout: float) -> None:
        self._membership = membership
        self._name = membership.name
        self._connect_timeout = connect_timeout

    def translated(self, doing: str, error: Exception) -> GatewayError:
        """Return our error for what happened while `doing`."""
        if isinstance(error, _DENIALS):
            return ConfigError(
                f"{self._name}: {doing}: the brokers deny it ({type(error).__name__}); allow this"
                f" user to read the topic and the group {self._membership.group}"
            )
        if isinstance(error, _MISFITS):
            return ConfigError(
                f"{self._name}: {doing}: group {self._membership.group} does not take us"
                f" ({type(error).__name__}); end the other consumers of the group, or name another"
            )
        if isinstance(error, _REFUSALS):
            return self._refused(error)
        return SourceUnavailable(f"{self._name}: {doing}: {_plain(error)}")

    def _refused(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"{self._name}: logging in to {self._addresses}: refused ({_plain(error)});"
            " correct the trigger's Secret"
        )

    async def reason(self, error: Exception) -> GatewayError:
        """Find out why no broker took us: the library keeps that to its log."""
        found: Exception = error
        for broker in self._membership.brokers:
            try:
                await self._probe(broker)
            except _REFUSALS as refusal:
                return self._refused(refusal)
            except TokenUnavailable as reason:
                return SourceUnavailable(f"{self._name}: logging in to {broker}: {reason}")
            except (errors.KafkaError, OSError, TimeoutError) as reason:
                if isinstance(reason.__cause__, ssl.SSLError):
                    return self._refused(reason.__cause__)
                found = reason
        return SourceUnavailable(
            f"{self._name}: connecting to {self._addresses}: {_plain(found)};"
            " start the brokers, or correct spec.brokers"
        )

    async def _probe(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        milliseconds = int(self._connect_timeout * 1000)
        async with asyncio.timeout(self._connect_timeout):
            connection = await create_conn(
                host.strip("[]"),
                int(port),
                request_timeout_ms=milliseconds,
                **self._membership.login,
            )
            try:
                await _check_login(connection)
            finally:
                connection.close()

    @property
    def _addresses(self) -> str:
        return ", ".join(self._membership.brokers)


class Silence:
    """Says once that no broker answers, and once that they do again.

    The library says it for each of its tries, dozens of times a second; its log is turned off.
    """

    def __init__(self, name: str, patience: float = SILENCE) -> None:
        self._name = name
        self._patience = patience
        self._since: float | None = None
        self._said = False

    def note(self, now: float, *, heard: bool) -> None:
        """Take up whether a broker has answered since the last call."""
        if heard:
            if self._said:
                logger.info("%s: the brokers answer again", self._name)
            self._since, self._said = None, False
        elif self._since is None:
            self._since = now
        elif not self._said and now - self._since >= self._patience:
            self._said = True
            message = "%s: no broker has answered for %g s; reading goes on when one does"
            logger.warning(message, self._name, self._patience)


async def _check_login(connection: AIOKafkaConnection) -> None:
    """Ask something of a broker that seems to have taken us.

    One that refuses a bearer token says so in a second step, which the library does not wait for;
    what is asked next is then answered with nothing in it.
    """
    answer = await connection.send(MetadataRequest([]))
    if not answer.brokers:
        raise errors.SaslAuthenticationFailed


def _plain(error: Exception) -> str:
    """Return what `error` says, short and without what a client may have put into it."""
    if isinstance(error, TokenError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
