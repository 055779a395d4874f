"""Credentials: what a pod finds, and what a kubeconfig says."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tidegate.kube.access import FileToken, StaticToken
from tidegate.kube.errors import AccessError
from tidegate.kube.in_cluster import in_cluster
from tidegate.kube.kubeconfig import from_kubeconfig, kubeconfig_path

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def _authority() -> bytes:
    return trustme.CA().cert_pem.bytes()


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A service account as a pod finds it."""
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_bytes(_authority())
    (tmp_path / "namespace").write_text("prod")
    return tmp_path


async def test_a_pod_has_what_it_needs(mount: Path) -> None:
    access = await asyncio.to_thread(in_cluster, POD, mount)
    assert (access.server, access.namespace) == ("https://10.0.0.1:443", "prod")
    assert access.tls is not None
    assert access.tokens is not None
    assert await access.tokens.token() == "first"


def test_an_ipv6_cluster_is_reached(mount: Path) -> None:
    assert in_cluster({**POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}, mount).server == (
        "https://[fd00::1]:443"
    )


@pytest.mark.parametrize("missing", ["token", "ca.crt", "namespace"])
def test_a_pod_without_a_service_account_is_told(mount: Path, missing: str) -> None:
    (mount / missing).unlink()
    with pytest.raises(AccessError, match="access in the cluster"):
        in_cluster(POD, mount)


def test_no_pod_is_told(mount: Path) -> None:
    with pytest.raises(AccessError, match="name a kubeconfig"):
        in_cluster({}, mount)


async def test_a_token_that_is_refused_is_read_again(mount: Path) -> None:
    tokens = FileToken(mount / "token")
    assert await tokens.token() == "first"
    (mount / "token").write_text("second")
    assert await tokens.token() == "first"
    assert await tokens.token(refused="first") == "second"


async def test_a_token_is_read_again_after_a_minute(
    mount: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = FileToken(mount / "token")
    assert await tokens.token() == "first"
    (mount / "token").write_text("second")
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert await tokens.token() == "second"


async def test_an_empty_token_is_an_error(mount: Path) -> None:
    (mount / "token").write_text(" \n")
    with pytest.raises(AccessError, match="is empty"):
        await FileToken(mount / "token").token()


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(StaticToken("secret"))


def _kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(document))
    return path


async def test_a_kubeconfig_says_where_and_who(tmp_path: Path) -> None:
    data = base64.b64encode(_authority()).decode()
    path = _kubeconfig(tmp_path, {"token": "t"}, **{"certificate-authority-data": data})
    access = await asyncio.to_thread(from_kubeconfig, path)
    assert (access.server, access.namespace) == ("https://127.0.0.1:6443", "n")
    assert access.tokens is not None
    assert await access.tokens.token() == "t"


async def test_files_are_looked_for_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(_authority())
    (tmp_path / "token").write_text("from file")
    path = _kubeconfig(tmp_path, {"tokenFile": "token"}, **{"certificate-authority": "ca.crt"})
    tokens = (await asyncio.to_thread(from_kubeconfig, path)).tokens
    assert tokens is not None
    assert await tokens.token() == "from file"


def test_a_client_certificate_is_presented(tmp_path: Path) -> None:
    pair = trustme.CA().issue_cert("client.example.com")
    pair.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    pair.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    user = {"client-certificate": "cert.pem", "client-key": "key.pem"}
    access = from_kubeconfig(_kubeconfig(tmp_path, user))
    assert access.tokens is None
    assert access.tls is not None


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({"exec": {}}, {}, r"users\[\]\.user\.exec"),
        ({"auth-provider": {}}, {}, r"users\[\]\.user\.auth-provider"),
        ({"username": "a"}, {}, "use a token"),
        ({}, {"certificate-authority-data": "%"}, "not base64"),
        ({}, {"certificate-authority-data": "QUJD"}, "cannot be used"),
        ({}, {"certificate-authority": "none.crt"}, "cannot be read"),
        ({}, {"server": ""}, "names no server"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], said: str
) -> None:
    with pytest.raises(AccessError, match=said):
        from_kubeconfig(_kubeconfig(tmp_path, user, **cluster))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "{}"])
def test_what_is_no_kubeconfig_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(AccessError, match="kubeconfig"):
        from_kubeconfig(tmp_path / "config")


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no context 'two'"):
        from_kubeconfig(_kubeconfig(tmp_path, {}), "two")


def test_the_kubeconfig_is_the_one_of_kubectl() -> None:
    several = os.pathsep.join(["/a/config", "/b/config"])
    assert kubeconfig_path({"KUBECONFIG": several}) == Path("/a/config")
    assert kubeconfig_path({}) == Path.home() / ".kube" / "config"


def test_a_kubeconfig_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="no such file; name another by KUBECONFIG"):
        from_kubeconfig(tmp_path / "config")
