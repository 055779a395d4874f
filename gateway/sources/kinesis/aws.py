"""Clients of AWS: who we are, how long we wait, and what their errors mean to us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.exceptions
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.loaders import Loader, create_loader

from gateway.errors import ConfigError, GatewayError, SourceUnavailable

CONNECTIONS = 1024
"""A cap, not a reservation: each shard has one request under way, and none may wait for others."""

IDENTITY_TIMEOUT = 20.0
"""For finding credentials: the chain ends with servers that may not be there."""

_KEY_ID, _SECRET_KEY, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"

_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
    }
)
_UNKNOWN_CALLER = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_NO_ROLE = frozenset(
    {
        "AccessDenied",
        "ExpiredTokenException",
        "IDPRejectedClaim",
        "InvalidIdentityToken",
        "ValidationError",
    }
)
FAILURES = (OSError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
"""What a call may raise: time that ran out, a token that cannot be read, AWS's refusals."""

_NO_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
)


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """Whose streams are read, and where. Without keys the environment says who we are."""

    region: str
    endpoint: str = ""
    keys: tuple[str, str, str] | None = None

    def __repr__(self) -> str:
        return f"Account({self.region!r}, {self.endpoint!r}, keys={self.keys is not None})"


class Throttled(SourceUnavailable):
    """AWS asks for fewer calls."""


class IteratorExpired(SourceUnavailable):
    """A shard iterator was not used for five minutes."""


class NotThere(ConfigError):
    """The stream or the shard does not exist."""


def keys_from_secret(name: str, content: Mapping[str, bytes]) -> tuple[str, str, str]:
    """Read the keys of Secret `name`; raise `ConfigError` that says the fix."""
    try:
        text = {key: content[key].decode().strip() for key in content if key.startswith("aws_")}
    except UnicodeDecodeError:
        raise ConfigError(f"secret {name}: its keys are not UTF-8 text; write them anew") from None
    for key in (_KEY_ID, _SECRET_KEY):
        if not text.get(key):
            raise ConfigError(f"secret {name}: {key!r} is missing or empty; add it")
    return text[_KEY_ID], text[_SECRET_KEY], text.get(_TOKEN, "")


async def open_session(account: Account) -> AioSession:
    """Make a session whose files are read already: no client may block the loop with that."""
    session = await asyncio.to_thread(_session)
    if account.keys is None:
        await _know_ourselves(session)
    return session


async def _know_ourselves(session: AioSession) -> None:
    """Find credentials, which reads files; they renew themselves on whichever loop uses them."""
    try:
        async with asyncio.timeout(IDENTITY_TIMEOUT):
            await asyncio.to_thread(lambda: asyncio.run(_identify(session)))
    except TimeoutError as error:
        raise SourceUnavailable(
            f"looking for AWS credentials: nothing found within {IDENTITY_TIMEOUT:g} s"
        ) from error


async def close_session(_: AioSession) -> None:
    """Nothing to let go of: clients have the connections."""


def _session() -> AioSession:
    session = AioSession()
    definitions = _definitions(session.get_config_variable("data_path"))
    session.register_component("data_loader", definitions)
    for service in ("kinesis", "dynamodb", "sts"):
        session.warm_up_loader_caches(service)
    return session


@cache
def _definitions(path: str | None) -> Loader:
    """What AWS's services are, which takes a second to read: once for sessions of any account."""
    return create_loader(path)


async def _identify(session: AioSession) -> None:
    """Have the session find out who we are: a role is asked for once, so that a refusal shows."""
    doing = "looking for AWS credentials"
    try:
        found = await session.get_credentials()
        if found is not None:
            await found.get_frozen_credentials()
    except FAILURES as error:
        raise translated(error, doing) from error
    if found is None:
        raise _no_credentials(doing)


async def open_client(
    session: AioSession, service: str, account: Account, stack: AsyncExitStack
) -> Any:
    """Open a client of `service` that lives as long as `stack`."""
    key, secret, token = account.keys or (None, None, None)
    context = session.create_client(
        service,
        region_name=account.region,
        endpoint_url=account.endpoint or None,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token or None,
        config=AioConfig(
            connect_timeout=3,
            read_timeout=15,
            max_pool_connections=CONNECTIONS,
            # Who calls waits after a refusal; the client's own waits, of seconds, would hide it.
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    return await stack.enter_async_context(context)


def translated(error: Exception, doing: str) -> GatewayError:
    """Turn what a client raised into what the caller decides by."""
    match error:
        case TimeoutError():
            return SourceUnavailable(f"{doing}: no answer in time")
        case OSError() if error.filename is not None:
            # Errors of the client and of connections are OSErrors as well, and nobody's mistake.
            return ConfigError(
                f"{doing}: {error.strerror}: {error.filename}; correct AWS_WEB_IDENTITY_TOKEN_FILE"
            )
        case _ if isinstance(error, _NO_CREDENTIALS):
            return _no_credentials(doing)
        case botocore.exceptions.InvalidConfigError():
            return ConfigError(f"{doing}: {error}; correct the gateway's environment")
        case botocore.exceptions.ClientError():
            code = error.response.get("Error", {}).get("Code", "")
            if error.operation_name.startswith("AssumeRole") and code in _NO_ROLE:
                return _no_role(code, doing)
            return _refusal(code, doing)
    return SourceUnavailable(f"{doing}: {error}")


def _no_role(code: str, doing: str) -> ConfigError:
    return ConfigError(
        f"{doing}: AWS does not give the gateway its role ({code}); check AWS_ROLE_ARN, who that "
        "role trusts, and the token in AWS_WEB_IDENTITY_TOKEN_FILE"
    )


def _refusal(code: str, doing: str) -> GatewayError:
    if code in _THROTTLED:
        return Throttled(f"{doing}: throttled ({code})")
    if code == "ExpiredIteratorException":
        return IteratorExpired(f"{doing}: the iterator has expired")
    if code == "ResourceNotFoundException":
        return NotThere(f"{doing}: there is no such stream or shard; correct its name or make it")
    if code == "AccessDeniedException":
        return ConfigError(
            f"{doing}: access denied; allow DescribeStreamSummary, ListShards, GetShardIterator "
            "and GetRecords on the stream"
        )
    if code.startswith("KMS"):
        return ConfigError(
            f"{doing}: its key gives no access ({code}); enable that key, "
            "and allow kms:Decrypt on it"
        )
    if code in _UNKNOWN_CALLER:
        return ConfigError(f"{doing}: AWS does not know the caller ({code}); correct the keys")
    return SourceUnavailable(f"{doing}: {code or 'an answer without a reason'}")


def _no_credentials(doing: str) -> ConfigError:
    return ConfigError(
        f"{doing}: there are none; name a secret with {_KEY_ID} and {_SECRET_KEY}, "
        "or give the gateway an identity"
    )
