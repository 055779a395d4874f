"""What a client of AWS raised: for the user to mend, or for us to try again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError, SSLError

from gateway.errors import ConfigError, SourceUnavailable
from gateway.sources.kinesis.aws import Throttled, translated


@pytest.mark.regression("botocore: a call that times out raises what is an OSError, too")
@pytest.mark.parametrize("kind", [ConnectTimeoutError, ReadTimeoutError, SSLError])
def test_an_endpoint_that_does_not_answer_is_no_mistake_of_the_user(kind: type[Exception]) -> None:
    error = translated(kind(endpoint_url="https://kinesis", error="late"), "reading stream orders")
    assert isinstance(error, SourceUnavailable)
    assert "https://kinesis" in str(error)


def test_a_token_that_cannot_be_read_is_named() -> None:
    error = translated(FileNotFoundError(2, "No such file", "/token"), "finding out who we are")
    assert isinstance(error, ConfigError)
    assert "/token; correct AWS_WEB_IDENTITY_TOKEN_FILE" in str(error)


def test_a_connection_that_breaks_is_no_mistake_of_the_user() -> None:
    error = translated(ConnectionResetError(104, "reset by peer"), "reading stream orders")
    assert isinstance(error, SourceUnavailable)
    assert str(error) == "reading stream orders: [Errno 104] reset by peer"


@pytest.mark.parametrize("code", ["KMSAccessDeniedException", "KMSDisabledException"])
def test_a_key_that_gives_no_access_is_for_the_user_to_mend(code: str) -> None:
    error = translated(refusal(code), "reading stream orders")
    assert isinstance(error, ConfigError)
    assert f"({code}); enable that key, and allow kms:Decrypt on it" in str(error)


def test_a_key_that_is_asked_too_often_is_waited_for() -> None:
    assert isinstance(translated(refusal("KMSThrottlingException"), "reading"), Throttled)


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetRecords")
