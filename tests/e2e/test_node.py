"""What can be said of the node for tests without making it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.node.addresses import DNS, RESOLVER
from tests.e2e.node.keys import write_keys
from tests.e2e.node.parts import parts
from tests.e2e.node.programs import HERE, Programs
from tests.e2e.node.settings import write_settings
from tests.fakes.kube_binaries import MODULE, KubeBinaries


def test_the_server_and_the_node_are_of_one_version() -> None:
    found = {
        re.findall(r"k8s\.io/kubernetes (v\S+)", (folder / "go.mod").read_text())[0]
        for folder in (MODULE, HERE / "kubernetes")
    }
    assert len(found) == 1


def test_every_file_that_a_part_reads_is_written(tmp_path: Path) -> None:
    write_keys(tmp_path)
    write_settings(tmp_path)
    programs = Programs(KubeBinaries(Path("etcd"), Path("kube-apiserver")), Path("programs"))
    words = [word for command in parts(programs, tmp_path).values() for word in command]
    named = {word.partition("=")[2] for word in words if str(tmp_path) in word}
    folders = {str(tmp_path / name) for name in ("etcd", "kubelet")}
    assert folders < named
    assert [name for name in named - folders if not Path(name).exists()] == []


@pytest.mark.parametrize("address", [DNS, RESOLVER])
def test_the_server_of_names_is_where_pods_look_for_it(address: str) -> None:
    assert address in (HERE / "dns.yaml").read_text()
