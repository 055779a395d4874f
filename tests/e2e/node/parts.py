"""The parts of a node: what is started, with what words."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.node.addresses import NAME, NODE, SERVICES
from tests.e2e.node.programs import Programs

_ETCD = "http://127.0.0.1:2379"
_ISSUER = "https://kubernetes.default.svc"


def parts(programs: Programs, folder: Path) -> dict[str, list[str]]:
    """Return the command of each part; `folder` has their keys and settings."""
    inside = ["nsenter", f"--net=/run/netns/{NAME}"]
    commands = {name: [*inside, *words] for name, words in _inside(programs, folder).items()}
    # The way from the node to other networks, without a right or a rule of the machine's.
    way_out = ["slirp4netns", "--configure", "--disable-host-loopback", "--netns-type=path"]
    return {"slirp4netns": [*way_out, f"/run/netns/{NAME}", "tap0"], **commands}


def _inside(programs: Programs, folder: Path) -> dict[str, list[str]]:
    return {
        "etcd": [
            str(programs.server.etcd),
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            "--unsafe-no-fsync",  # a test's data need not outlive the machine
            "--log-level=error",
        ],
        "kube-apiserver": [str(programs.server.apiserver), *_api_flags(folder)],
        "kube-controller-manager": [
            programs["kube-controller-manager"],
            _as("controller-manager", folder),
            "--use-service-account-credentials",
            f"--root-ca-file={folder / 'ca.crt'}",
            f"--service-account-private-key-file={folder / 'accounts.key'}",
            "--leader-elect=false",
        ],
        "kube-scheduler": [
            programs["kube-scheduler"],
            _as("scheduler", folder),
            "--leader-elect=false",
        ],
        "containerd": ["containerd", f"--config={folder / 'containerd.toml'}"],
        "kubelet": [
            programs["kubelet"],
            _as("kubelet", folder),
            f"--config={folder / 'kubelet.yaml'}",
            f"--root-dir={folder / 'kubelet'}",
            f"--hostname-override={NAME}",
            f"--node-ip={NODE}",
        ],
        "kube-proxy": [programs["kube-proxy"], f"--config={folder / 'proxy.yaml'}"],
    }


def _as(user: str, folder: Path) -> str:
    return f"--kubeconfig={folder / user}.kubeconfig"


def _api_flags(folder: Path) -> list[str]:
    return [
        f"--etcd-servers={_ETCD}",
        f"--bind-address={NODE}",
        f"--advertise-address={NODE}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--kubelet-certificate-authority={folder / 'ca.crt'}",
        f"--kubelet-client-certificate={folder / 'apiserver-kubelet.crt'}",
        f"--kubelet-client-key={folder / 'apiserver-kubelet.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--authorization-mode=Node,RBAC",
        # For servers of other groups, such as that of the metrics, which are told who asks.
        f"--requestheader-client-ca-file={folder / 'ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={folder / 'aggregator.crt'}",
        f"--proxy-client-key-file={folder / 'aggregator.key'}",
        # The second is off by default, and on where administrators are careful.
        "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
    ]
