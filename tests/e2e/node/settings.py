"""What the parts of a node read: files of kubelet, containerd, kube-proxy and the network."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.e2e.node.addresses import DNS, NAME, NODE, PODS, RESOLVER
from tests.e2e.node.programs import PLUGINS

PAUSE = "docker.io/library/pause:node"


def write_settings(folder: Path) -> None:
    """Write all of them into `folder`, where the keys are already."""
    _yaml(folder / "kubelet.yaml", _kubelet(folder))
    _yaml(folder / "proxy.yaml", _proxy(folder))
    (folder / "containerd.toml").write_text(_containerd(folder))
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    (folder / "cni").mkdir()
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_network()))


def socket(folder: Path) -> str:
    """Return where containerd listens."""
    return str(folder / "containerd.sock")


def _yaml(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content))


def _kubelet(folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(folder / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(folder / "node.crt"),
        "tlsPrivateKeyFile": str(folder / "node.key"),
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{socket(folder)}",
        "podLogsDir": str(folder / "logs" / "pods"),
        "resolvConf": str(folder / "resolv.conf"),
        # The machine may be a container itself, with cgroups of either version.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{NAME}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "featureGates": {"KubeletInUserNamespace": True},
        "oomScoreAdj": 0,
        # What fills the disk of a machine for tests is not the node.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    }


def _proxy(folder: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": PODS,
        "hostnameOverride": NAME,
        "clientConnection": {"kubeconfig": str(folder / "proxy.kubeconfig")},
        # These are set for the whole machine, whose they are.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def _containerd(folder: Path) -> str:
    """Version 2 of its settings is read by 1.6, which Debian 12 has, and by all since."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{folder / "containerd"}"
state = "/run/containerd"

[grpc]
address = "{socket(folder)}"

[{cri}]
sandbox_image = "{PAUSE}"
# Without CAP_SYS_RESOURCE nobody is spared more than we are.
restrict_oom_score_adj = true
enable_unprivileged_ports = true
# Else they stay on the machine, whose folder is not hidden: the node's own network is in it.
netns_mounts_under_state_dir = true

[{cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.cni]
bin_dir = "{PLUGINS}"
conf_dir = "{folder / "cni"}"
"""


def _network() -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": True,
        "ipam": addresses,
    }
    return {
        "cniVersion": "1.0.0",
        "name": "node",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
