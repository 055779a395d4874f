"""Who we are to a cluster, and what the environment and a Secret say about it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigError
from gateway.kafka.login import (
    Login,
    client_options,
    login_from_secret,
    login_from_settings,
)
from gateway.settings import KafkaSettings, kafka_settings


def login(tls: bool = False, **content: str) -> Login:
    """Return the login of a Secret; `ca_crt` stands for ca.crt, and so on."""
    dotted = {"ca_crt": "ca.crt", "tls_crt": "tls.crt", "tls_key": "tls.key"}
    encoded = {dotted.get(key, key): text.encode() for key, text in content.items()}
    return login_from_secret("ns/s", encoded, tls)


def test_a_user_logs_in_by_the_mechanism_of_the_secret() -> None:
    options = client_options(login(username="joe", password="pw", mechanism="scram-sha-512"))
    assert options == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "joe",
        "sasl_plain_password": "pw",
    }


async def test_a_token_is_a_bearer_token() -> None:
    options = client_options(login(token="abc", tls=True))
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "OAUTHBEARER"
    assert await options["sasl_oauth_token_provider"].token() == "abc"


def test_certificates_mean_tls() -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("client")
    options = client_options(
        login(
            ca_crt=authority.cert_pem.bytes().decode(),
            tls_crt=mine.cert_chain_pems[0].bytes().decode(),
            tls_key=mine.private_key_pem.bytes().decode(),
        )
    )
    assert options["security_protocol"] == "SSL"
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


MISTAKES: list[tuple[dict[str, str], str]] = [
    ({}, "holds none of username"),
    ({"username": "joe"}, "has 'username' but no 'password'; add it"),
    ({"tls_key": "k"}, "has 'tls.key' but no 'tls.crt'; add it"),
    ({"username": "a", "password": "b", "token": "c"}, "keep one way to log in"),
    ({"client_id": "a", "client_secret": "b"}, "has 'client_id' but no 'token_endpoint'; add it"),
    (
        {"client_id": "a", "client_secret": "b", "token_endpoint": "login.example"},
        "key 'token_endpoint' is no URL; write https://host/path",
    ),
    ({"username": "a", "password": "b", "mechanism": "OAUTHBEARER"}, "'mechanism' is none of"),
    ({"username": "a", "password": "b", "mechanism": "GSSAPI"}, "none of PLAIN, SCRAM-SHA-256"),
    ({"username": "a", "password": " "}, "key 'password' is empty"),
]


@pytest.mark.parametrize(("content", "sentence"), MISTAKES)
def test_a_mistake_in_a_secret_is_told(content: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match="secret ns/s: ") as raised:
        login(**content)
    assert sentence in str(raised.value)


def test_a_broken_certificate_is_told() -> None:
    with pytest.raises(ConfigError, match="secret ns/s: the CA, certificate or key is not valid"):
        client_options(login(ca_crt="rubbish"))


def test_no_secret_is_printed() -> None:
    assert "hunter2" not in repr(login(username="joe", password="hunter2"))
    assert "hunter2" not in repr(KafkaSettings(password="hunter2"))


def test_the_environment_of_kubeless_is_understood(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(trustme.CA().cert_pem.bytes())
    environ = {
        "KAFKA_BROKERS": "a:9092, b:9092",
        "KAFKA_ENABLE_TLS": "true",
        "KAFKA_CACERTS": str(authority),
        "KAFKA_ENABLE_SASL": "1",
        "KAFKA_USERNAME": "joe",
        "KAFKA_PASSWORD": "pw",
    }
    settings = kafka_settings(environ, KafkaSettings())
    assert settings.brokers == ("a:9092", "b:9092")
    options = client_options(login_from_settings(settings))
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "PLAIN"
    assert options["ssl_context"].get_ca_certs()


def test_an_environment_that_says_nothing_changes_nothing() -> None:
    environ = {"KAFKA_USERNAME": "joe", "KAFKA_CERT": "/there", "KAFKA_ENABLE_TLS": "false"}
    assert kafka_settings(environ, KafkaSettings()) == KafkaSettings()


def test_an_insecure_cluster_is_taken_as_it_is() -> None:
    environ = {"KAFKA_ENABLE_TLS": "true", "KAFKA_INSECURE": "true"}
    options = client_options(login_from_settings(kafka_settings(environ, KafkaSettings())))
    assert options["ssl_context"].verify_mode is ssl.CERT_NONE


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="reading /nowhere for the Kafka login"):
        login_from_settings(KafkaSettings(ca_file="/nowhere"))
