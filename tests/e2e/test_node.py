"""What can be said of the node for tests without making it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtimes.catalog import RUNTIMES
from tests.e2e.node.addresses import DNS, RESOLVER
from tests.e2e.node.bases import LIBRARY, stand_ins
from tests.e2e.node.images import LANGUAGES, OURS, ROOT, Language
from tests.e2e.node.keys import write_keys
from tests.e2e.node.parts import parts
from tests.e2e.node.programs import HERE, Programs
from tests.e2e.node.settings import write_settings
from tests.fakes.kube_binaries import MODULE, KubeBinaries

PROGRAMS = Programs(KubeBinaries(Path("etcd"), Path("kube-apiserver")), Path("programs"))


def test_the_server_and_the_node_are_of_one_version() -> None:
    found = {
        re.findall(r"k8s\.io/kubernetes (v\S+)", (folder / "go.mod").read_text())[0]
        for folder in (MODULE, HERE / "kubernetes")
    }
    assert len(found) == 1


def test_every_file_that_a_part_reads_is_written(tmp_path: Path) -> None:
    write_keys(tmp_path)
    write_settings(tmp_path)
    words = [word for command in parts(PROGRAMS, tmp_path).values() for word in command]
    named = {word.partition("=")[2] for word in words if str(tmp_path) in word}
    folders = {str(tmp_path / name) for name in ("etcd", "kubelet")}
    assert folders < named
    assert [name for name in named - folders if not Path(name).exists()] == []


@pytest.mark.parametrize("address", [DNS, RESOLVER])
def test_the_server_of_names_is_where_pods_look_for_it(address: str) -> None:
    assert address in (HERE / "dns.yaml").read_text()


@pytest.mark.parametrize("one", LANGUAGES, ids=lambda one: one.name)
def test_the_bases_of_a_language_have_stand_ins(one: Language) -> None:
    text = (ROOT / "runtimes" / one.folder / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+:\S+)(?: AS (\S+))?$", text, re.MULTILINE)
    images = [image.replace("${VERSION}", one.version) for image, _ in stages]
    if one.target:
        images = images[: [name for _, name in stages].index(one.target) + 1]
    assert {f"{LIBRARY}/{image}" for image in images} == set(one.bases)
    assert set(one.bases) <= {each.name for each in stand_ins(PROGRAMS)}


def test_images_of_languages_are_those_of_the_catalogue() -> None:
    steps = [step for one in RUNTIMES.values() for step in (one.compile,) if step is not None]
    known = {one.image for one in RUNTIMES.values()} | {step.image for step in steps}
    assert {f"{OURS}/{one.name}".removeprefix("docker.io/") for one in LANGUAGES} <= known


def test_every_stand_in_has_its_dockerfile() -> None:
    places = {each.place for each in stand_ins(PROGRAMS)}
    assert {path.parent.name for path in HERE.glob("images/*/Dockerfile")} == places | {"debian"}
