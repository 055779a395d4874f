"""A real kube-apiserver on a real etcd, on loopback, with TLS and RBAC; no controllers run.

Nothing collects what owners leave behind, schedules pods or makes default service accounts.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.kube_binaries import KubeBinaries
from tests.fakes.ports import free_port
from tests.fakes.processes import freeze
from tidegate.kube.access import Access, StaticToken
from tidegate.kube.objects import Object

ADMIN = "admin-token"
STRANGER = "stranger-token"
"""Of a user who is known and may do nothing."""

_DEADLINE = 120.0
_USERS = f'{ADMIN},admin,1,"system:masters"\n{STRANGER},stranger,2\n'


class KubeServer:
    """One control plane. It keeps ports, keys and data while its processes die and come back.

    `flags` are more flags of the API server.
    """

    def __init__(self, binaries: KubeBinaries, folder: Path, flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self._flags = flags
        self.port = 0
        self._binaries = binaries
        self._etcd_ports = (0, 0)
        self._etcd: subprocess.Popen[bytes] | None = None
        self._api: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = trustme.CA()
        self._write_keys()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        """The file of the certificate that clients shall trust."""
        return self.folder / "ca.crt"

    def start(self) -> None:
        """Start both processes and return when the API server is ready."""
        self.port = free_port()
        self._etcd_ports = (free_port(), free_port())
        self._start()

    def stop(self) -> None:
        """End both processes and wait for them."""
        for process in (self._api, self._etcd):
            _end(process)

    def start_api(self) -> None:
        """Start the API server on its port and its etcd; return when it is ready."""
        command = [str(self._binaries.apiserver), *self._api_flags(), *self._flags]
        self._api = self._spawn("kube-apiserver", command)
        deadline = time.monotonic() + _DEADLINE
        while not self._ready():
            if self._api.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "kube-apiserver.log").read_text()[-4000:])
            time.sleep(0.1)  # the server tells nobody when it is ready

    def kill_api(self) -> None:
        """End the API server as a crash would; etcd stays."""
        _end(self._api)

    def start_over(self) -> None:
        """Lose all data, as a cluster does that is restored from an old backup."""
        self.stop()
        shutil.rmtree(self.folder / "etcd")
        self._start()

    def freeze_api(self) -> None:
        """Stop the API server without ending it: connections stay and nothing answers."""
        assert self._api is not None
        freeze(self._api.pid)

    def thaw_api(self) -> None:
        """Let a frozen API server go on."""
        assert self._api is not None
        self._api.send_signal(signal.SIGCONT)

    def compact(self) -> None:
        """Have etcd forget all history, as it does by itself every few minutes."""
        key = base64.b64encode(b"/").decode()
        revision = self._ask_etcd("range", {"key": key})["header"]["revision"]
        self._ask_etcd("compaction", {"revision": revision, "physical": True})

    def store(self, path: str, obj: Object) -> None:
        """Put an object into etcd as it is, as an API server of long ago has left it there."""
        pair = {"key": f"/registry/{path}", "value": json.dumps(obj)}
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in pair.items()}
        self._ask_etcd("put", {**encoded})

    def access(self, token: str = ADMIN) -> Access:
        """How to reach it with a token."""
        tls = ssl.create_default_context(cafile=str(self.authority))
        return Access(self.url, tls=tls, tokens=StaticToken(token))

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig with the contexts `token` (the current one), `certificate` and
        `exec`, all of them an administrator's."""
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": ADMIN},
        }
        users = {
            "token": {"token": ADMIN},
            "certificate": {
                "client-certificate": str(self.folder / "admin.crt"),
                "client-key": str(self.folder / "admin.key"),
            },
            "exec": {
                "exec": {
                    "apiVersion": credential["apiVersion"],
                    "command": "echo",
                    "args": [json.dumps(credential)],
                    "interactiveMode": "Never",
                }
            },
        }
        path.write_text(yaml.safe_dump(self._kubeconfig(users)))
        return path

    def mount(self, folder: Path, token: str = ADMIN) -> dict[str, str]:
        """Write what a pod finds of its service account, and return its environment."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(token)
        (folder / "ca.crt").write_bytes(self.authority.read_bytes())
        (folder / "namespace").write_text("default")
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}

    def _start(self) -> None:
        self._etcd = self._spawn("etcd", [str(self._binaries.etcd), *self._etcd_flags()])
        self.start_api()

    def _kubeconfig(self, users: dict[str, object]) -> dict[str, object]:
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "token",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": user} for name, user in users.items()],
            "contexts": [
                {"name": name, "context": {"cluster": "test", "user": name}} for name in users
            ],
        }

    def _write_keys(self) -> None:
        self._authority.cert_pem.write_to_path(str(self.authority))
        server = self._authority.issue_cert("127.0.0.1", "localhost")
        admin = self._authority.issue_cert(
            # Without a name of a host in it, Go refuses the certificate.
            "admin.example.com",
            common_name="admin-by-certificate",
            organization_name="system:masters",
        )
        for name, pair in {"server": server, "admin": admin}.items():
            pair.private_key_pem.write_to_path(str(self.folder / f"{name}.key"))
            pair.cert_chain_pems[0].write_to_path(str(self.folder / f"{name}.crt"))
        (self.folder / "users.csv").write_text(_USERS)
        (self.folder / "accounts.key").write_bytes(_new_key())

    def _etcd_flags(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in self._etcd_ports)
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--watch-progress-notify-interval=5s",  # as clusters have it; bookmarks come of it
            "--unsafe-no-fsync",  # a test's data need not outlive the machine
            "--log-level=error",
        ]

    def _api_flags(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_ports[0]}",
            "--etcd-compaction-interval=0",
            "--bind-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self.folder / 'server.crt'}",
            f"--tls-private-key-file={self.folder / 'server.key'}",
            f"--client-ca-file={self.authority}",
            f"--token-auth-file={self.folder / 'users.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            # No controller makes the default service account that it would ask for.
            "--disable-admission-plugins=ServiceAccount",
        ]

    def _spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def _ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"authorization": f"Bearer {ADMIN}"}
        )
        context = ssl.create_default_context(cafile=str(self.authority))
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return bool(answer.status == 200)
        except (urllib.error.HTTPError, OSError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            return False

    def _ask_etcd(self, verb: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
        url = f"http://127.0.0.1:{self._etcd_ports[0]}/v3/kv/{verb}"
        request = urllib.request.Request(url, data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            said: dict[str, dict[str, str]] = json.load(answer)
            return said


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.kill()
        process.wait(timeout=30)
