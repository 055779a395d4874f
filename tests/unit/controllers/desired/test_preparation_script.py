"""The script of the first init container, run as a pod runs it."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from controllers.desired.config import ControllerConfig
from controllers.desired.function import desired_objects
from tests.support.functions import by_kind, env, function

CODE = "def main(event, context):\n    return 'it is $(HOME) `id` \"quoted\"'\n"
DEADLINE = 30.0
TOOLS = ("curl", "unzip", "xz", "bzip2")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"not installed: one of {', '.join(TOOLS)}"
)


class _Site(BaseHTTPRequestHandler):
    """Serves the zip archive, a redirection to it, and an error page."""

    def do_GET(self) -> None:
        body = zipped({"hello.py": CODE})
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/hello.zip")
            body = b""
        elif self.path.startswith("/file"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            body = b""
        else:
            self.send_response(200 if self.path.startswith("/hello") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Return where the archive is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Pod:
    """What a node makes of the objects: the ConfigMap as files, and the volume for the code."""

    def __init__(self, root: Path, **spec: Any) -> None:
        objects = by_kind(desired_objects(function(**spec), ControllerConfig()))
        steps = objects["Deployment"]["spec"]["template"]["spec"]["initContainers"]
        self.source, self.folder = root / "src", root / "kubeless"
        self.step, scratch = steps[0], root / "tmp"
        for each in (self.source, self.folder, scratch):
            each.mkdir()
        self.show(objects["ConfigMap"]["data"])
        self.env = env(self.step) | {
            "PATH": "/usr/bin:/bin",
            "SOURCE_FOLDER": str(self.source),
            "KUBELESS_INSTALL_VOLUME": str(self.folder),
            "TMPDIR": str(scratch),
        }

    def show(self, entries: dict[str, str]) -> None:
        """Write the ConfigMap as the node has it now."""
        for name, text in entries.items():
            (self.source / name).write_text(text, encoding="utf-8", newline="")

    def start(self) -> subprocess.Popen[str]:
        """Start the script."""
        return subprocess.Popen(
            self.step["command"] + self.step["args"],
            env=self.env,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> tuple[int, str]:
        """Return the script's exit code and what it said."""
        with self.start() as process:
            said = process.communicate(timeout=DEADLINE)[1]
            return process.returncode, said

    def files(self) -> dict[str, str]:
        """Return what the function will find."""
        return {
            str(file.relative_to(self.folder)): file.read_text(encoding="utf-8")
            for file in self.folder.rglob("*")
            if file.is_file()
        }


def prepared(root: Path, **spec: Any) -> dict[str, str]:
    """Return the files after a preparation that went well and said nothing."""
    pod = Pod(root, **spec)
    assert pod.run() == (0, "")
    assert list((root / "tmp").iterdir()) == []
    return pod.files()


def failed(root: Path, **spec: Any) -> str:
    """Return what a preparation that fails says."""
    code, said = Pod(root, **spec).run()
    assert code == 1
    return said


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(files: dict[str, str], mode: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def base64_of(content: bytes, kind: str) -> dict[str, str]:
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    text = base64.encodebytes(content).decode()
    return {"function": text, "function-content-type": f"base64{kind}", "checksum": checksum}


def test_text_arrives_as_it_was_written(tmp_path: Path) -> None:
    assert prepared(tmp_path, function=CODE, deps="a\n") == {
        "hello.py": CODE,
        "requirements.txt": "a\n",
    }


def test_base64_is_decoded(tmp_path: Path) -> None:
    files = prepared(tmp_path, **base64_of(CODE.encode(), ""))
    assert files["hello.py"] == CODE


def test_a_zip_archive_is_unpacked(tmp_path: Path) -> None:
    packed = zipped({"hello.py": CODE, "lib/a.py": "1"})
    files = prepared(tmp_path, **base64_of(packed, "+zip"))
    assert files == {"hello.py": CODE, "lib/a.py": "1"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_is_unpacked_however_it_is_compressed(tmp_path: Path, mode: str) -> None:
    packed = tarred({"hello.py": CODE}, mode)
    assert prepared(tmp_path, **base64_of(packed, "+compressedtar"))["hello.py"] == CODE


@pytest.mark.regression("Kubeless: an empty dependency file overwrites that of the archive")
@pytest.mark.parametrize(
    ("kind", "deps", "found"),
    [("+zip", "", "b"), ("+zip", "a", "a"), ("+zip+deps", "", "b"), ("+zip+deps", "a", "b")],
)
def test_whose_dependency_file_counts(tmp_path: Path, kind: str, deps: str, found: str) -> None:
    packed = zipped({"hello.py": CODE, "requirements.txt": "b"})
    assert prepared(tmp_path, deps=deps, **base64_of(packed, kind))["requirements.txt"] == found


@pytest.mark.parametrize("path", ["/hello.zip", "/moved.zip"])
def test_code_is_fetched(tmp_path: Path, site: str, path: str) -> None:
    url = {"function": f" {site}{path}\n", "function-content-type": "url+zip"}
    assert prepared(tmp_path, **url)["hello.py"] == CODE


@pytest.mark.regression("Kubeless: the page of an HTTP error is taken for the code")
def test_an_error_page_is_no_code(tmp_path: Path, site: str) -> None:
    said = failed(tmp_path, function=f"{site}/away.py", **{"function-content-type": "url"})
    assert "404" in said
    assert said.endswith(
        "fetching the code from the URL in spec.function failed; check it, and the network\n"
    )


@pytest.mark.regression("Kubeless: the URL of the code is part of a shell command")
@pytest.mark.parametrize("tail", ["';touch${IFS}owned;'", "$(touch${IFS}owned)", "[1-9].py"])
def test_an_url_is_no_command_and_no_pattern(tmp_path: Path, site: str, tail: str) -> None:
    url = f"{site}/hello{tail}"
    assert prepared(tmp_path, function=url, **{"function-content-type": "url+zip"})["hello.py"]
    assert not list(Path.cwd().glob("owned"))
    assert not list(tmp_path.rglob("owned"))


def test_a_redirection_leads_to_no_file_of_the_pod(tmp_path: Path, site: str) -> None:
    said = failed(tmp_path, function=f"{site}/file", **{"function-content-type": "url"})
    assert "fetching the code" in said


def test_fetched_code_is_held_to_its_checksum(tmp_path: Path, site: str) -> None:
    url = {"function": f"{site}/hello.zip", "function-content-type": "url+zip"}
    said = failed(tmp_path, checksum=f"sha256:{'0' * 64}", **url)
    assert said.startswith("spec.checksum is not that of the code, whose sha256 is ")


@pytest.mark.parametrize("kind", ["zip", "compressedtar"])
def test_what_is_no_archive_is_said(tmp_path: Path, kind: str) -> None:
    said = failed(tmp_path, **base64_of(b"no archive at all", f"+{kind}"))
    assert "archive failed; pack it again, or correct spec.function-content-type" in said


@pytest.mark.regression("Kubeless: a pod may start with the code of the revision before")
def test_a_pod_waits_until_its_node_shows_its_revision(tmp_path: Path) -> None:
    pod = Pod(tmp_path, function=CODE, deps="new")
    pod.show({"requirements.txt": "old"})
    with pod.start() as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
        assert pod.files() == {}
        pod.show({"requirements.txt": "new"})
        deadline = time.monotonic() + DEADLINE
        assert process.wait(timeout=deadline - time.monotonic()) == 0
    assert pod.files()["requirements.txt"] == "new"
