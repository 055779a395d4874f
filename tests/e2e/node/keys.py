"""Who is who in the cluster: one authority, and a kubeconfig for each that calls the API server."""

from __future__ import annotations

from pathlib import Path

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.node.addresses import NAME, NODE, SERVER, SERVICE

_USERS = {
    "admin": ("admin", "system:masters"),
    "apiserver-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "aggregator": ("front-proxy-client", None),
    "scheduler": ("system:kube-scheduler", None),
    "kubelet": (f"system:node:{NAME}", "system:nodes"),
    "proxy": ("system:kube-proxy", None),
}


def write_keys(folder: Path) -> None:
    """Write certificates and kubeconfigs: as the file names of `_USERS` say."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    _write(folder, "server", authority.issue_cert(NODE, SERVICE, "kubernetes.default.svc"))
    _write(folder, "node", authority.issue_cert(NODE, NAME))
    for name, (user, group) in _USERS.items():
        # Without a name of a host in it, Go refuses the certificate.
        pair = authority.issue_cert(
            f"{name}.example.com", common_name=user, organization_name=group
        )
        _write(folder, name, pair)
        _write_kubeconfig(folder, name)
    _write_account_key(folder / "accounts.key")


def _write(folder: Path, name: str, pair: trustme.LeafCert) -> None:
    pair.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    pair.cert_chain_pems[0].write_to_path(str(folder / f"{name}.crt"))


def _write_kubeconfig(folder: Path, name: str) -> None:
    user = {
        "client-certificate": str(folder / f"{name}.crt"),
        "client-key": str(folder / f"{name}.key"),
    }
    cluster = {"server": SERVER, "certificate-authority": str(folder / "ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "node",
        "clusters": [{"name": "node", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": name}}],
    }
    (folder / f"{name}.kubeconfig").write_text(yaml.safe_dump(config))


def _write_account_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
