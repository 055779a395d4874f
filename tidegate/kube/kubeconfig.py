"""Access as a kubeconfig describes it: tokens and certificates, but no plugins.

What needs a plugin or a login (`exec`, `auth-provider`) is read by `tidegate.kube.config`.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidegate.kube.access import Access, FileToken, StaticToken, Tokens
from tidegate.kube.errors import AccessError
from tidegate.kube.in_cluster import in_cluster


class LoginNeeded(AccessError):
    """The kubeconfig logs in by something that runs or asks somebody else."""


def kubeconfig_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file that kubectl would read first."""
    first = environment.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def from_kubeconfig(path: Path, context: str = "") -> Access:
    """Return the access that `context` of the file at `path` describes, or its current one.

    Reads files: call it in a thread. Raises `AccessError` that says what to change.
    """
    return _Reader(path, _load(path)).access(context)


def access_by(path: Path | None, context: str = "") -> Access:
    """Return the access that the kubeconfig at `path` describes, or this pod's without one.

    Reads files: call it in a thread. Raises `AccessError` that says what to change.
    """
    return in_cluster() if path is None else from_kubeconfig(path, context)


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise AccessError(
            f"kubeconfig {path}: there is no such file; name another by KUBECONFIG or --kubeconfig"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"kubeconfig {path}: {error}") from error
    except yaml.YAMLError:
        raise AccessError(f"kubeconfig {path}: it is not YAML") from None
    if not isinstance(document, dict):
        raise AccessError(f"kubeconfig {path}: it is not a kubeconfig; write it anew")
    return document


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    document: dict[str, Any]

    def access(self, context_name: str) -> Access:
        name = context_name or self.document.get("current-context") or ""
        if not name:
            raise self._error("has no current-context; name one")
        context = self._named("contexts", "context", name)
        cluster = self._named("clusters", "cluster", context.get("cluster", ""))
        user = self._named("users", "user", context["user"]) if context.get("user") else {}
        self._check(user)
        return Access(
            server=self._server(cluster),
            namespace=context.get("namespace") or "default",
            tls=self._tls(cluster, user),
            tokens=self._tokens(user),
            server_name=cluster.get("tls-server-name"),
            proxy=cluster.get("proxy-url"),
        )

    def _named(self, section: str, field: str, name: str) -> dict[str, Any]:
        for entry in self.document.get(section) or []:
            if entry.get("name") == name:
                return entry.get(field) or {}
        raise self._error(f"has no {field} {name!r} in its {section}; add it or name another")

    def _server(self, cluster: dict[str, Any]) -> str:
        server = cluster.get("server")
        if not server:
            raise self._error("names no server of the cluster; add clusters[].cluster.server")
        return str(server).rstrip("/")

    def _check(self, user: dict[str, Any]) -> None:
        for field in ("exec", "auth-provider", "username"):
            if field in user:
                raise LoginNeeded(
                    f"kubeconfig {self.path}: logs in with users[].user.{field}, which is not read"
                    " here; use a token or a client certificate"
                )

    def _tokens(self, user: dict[str, Any]) -> Tokens | None:
        if user.get("tokenFile"):
            return FileToken(self._beside(user["tokenFile"]))
        return StaticToken(str(user["token"])) if user.get("token") else None

    def _tls(self, cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext | None:
        if not self._server(cluster).startswith("https:"):
            return None
        try:
            context = ssl.create_default_context(
                cadata=self._content(cluster, "certificate-authority").decode() or None
            )
            self._present(context, user)
        except (ssl.SSLError, ValueError) as error:
            raise self._error(f"has a certificate or key that cannot be used: {error}") from error
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _present(self, context: ssl.SSLContext, user: dict[str, Any]) -> None:
        certificate = self._content(user, "client-certificate")
        if not certificate:
            return
        # OpenSSL's bindings read a chain from a file only; this one is ours alone and goes at once.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(certificate + b"\n" + self._content(user, "client-key"))
            file.flush()
            context.load_cert_chain(file.name)

    def _content(self, section: dict[str, Any], field: str) -> bytes:
        if section.get(f"{field}-data"):
            try:
                return base64.b64decode(section[f"{field}-data"], validate=True)
            except (binascii.Error, ValueError):
                raise self._error(f"has a {field}-data that is not base64") from None
        if not section.get(field):
            return b""
        try:
            return self._beside(section[field]).read_bytes()
        except OSError as error:
            raise self._error(f"names a {field} that cannot be read: {error}") from error

    def _beside(self, name: str) -> Path:
        return self.path.parent / name

    def _error(self, what: str) -> AccessError:
        return AccessError(f"kubeconfig {self.path}: {what}")
