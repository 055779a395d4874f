"""Where a function's code comes from, and what kind it is said to be."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.functions.code import LONGEST, archive_of, code_from, dependencies_from

ARCHIVE = bytes(range(256))


class Files(BaseHTTPRequestHandler):
    """Has one archive, wherever it is asked for below /there."""

    def do_GET(self) -> None:
        found = self.path.startswith("/there")
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(ARCHIVE)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_text_stays_text_and_has_a_checksum(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("é\n")
    code = code_from(str(tmp_path / "f.py"))
    digest = hashlib.sha256("é\n".encode()).hexdigest()
    assert (code.content, code.content_type) == ("é\n", "text")
    assert code.checksum == f"sha256:{digest}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("f.zip", "base64+zip"), ("f.tar.gz", "base64+compressedtar"), ("f.bin", "base64")],
)
def test_what_is_no_text_becomes_base64(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(ARCHIVE)
    code = code_from(str(tmp_path / name))
    assert (base64.b64decode(code.content), code.content_type) == (ARCHIVE, kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.TGZ", "+compressedtar"), ("a.tbz2", "+compressedtar"), ("a.gz", ""), ("zip", "")],
)
def test_archives_are_told_by_their_names(name: str, kind: str) -> None:
    assert archive_of(name) == kind


def test_an_url_stays_an_url_and_its_content_is_summed(url: str) -> None:
    code = code_from(f"{url}/there/f.zip?token=x.py")
    assert (code.content, code.content_type) == (f"{url}/there/f.zip?token=x.py", "url+zip")
    assert code.checksum == f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}"


def test_an_url_that_fails_is_one_sentence_without_its_query(url: str) -> None:
    with pytest.raises(CommandError, match="404") as caught:
        code_from(f"{url}/gone?token=secret")
    assert "secret" not in str(caught.value) and caught.value.code is ExitCode.UNREACHABLE


def test_too_much_code_for_an_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("#" * (LONGEST + 1))
    with pytest.raises(CommandError, match="put it where an URL leads to"):
        code_from(str(tmp_path / "f.py"))


def test_dependencies_are_text(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("requests\n")
    assert dependencies_from(str(tmp_path / "r.txt")) == "requests\n"
    (tmp_path / "r.bin").write_bytes(b"\xff")
    with pytest.raises(CommandError, match="no dependency file"):
        dependencies_from(str(tmp_path / "r.bin"))


def test_an_url_that_nobody_serves_is_said_in_words() -> None:
    with pytest.raises(CommandError, match=r"Connection refused; check the URL") as caught:
        code_from("http://127.0.0.1:1/f.py")
    assert "urlopen" not in str(caught.value) and caught.value.code is ExitCode.UNREACHABLE
