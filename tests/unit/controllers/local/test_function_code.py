"""Code from texts, archives and servers, some of them hostile."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controllers.desired.code import Archive, Code, Encoding, FunctionInvalid
from controllers.desired.local import LocalFunction
from controllers.local.archive import unpack
from controllers.local.code import CodeStore
from controllers.local.errors import PreparationFailed
from controllers.local.settings import CodeSettings

SETTINGS = CodeSettings(size_limit=10_000, unpacked_limit=1000, member_limit=5)
TEXT = "def main(event, context): ...\n"


def function(code: Code) -> LocalFunction:
    return LocalFunction("default", "hello", "python3.11", "hello.main", code)


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for entry, content in members:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CodeStore]:
    async with aiohttp.ClientSession() as session:
        yield CodeStore(tmp_path / "code", SETTINGS, session)


async def test_text_becomes_the_file_that_the_handler_names(store: CodeStore) -> None:
    folder = await store.folder(function(Code(TEXT)), ".py")
    assert (folder / "hello.py").read_text() == TEXT


async def test_equal_code_has_one_folder_and_other_code_another(store: CodeStore) -> None:
    one = await store.folder(function(Code(TEXT)), ".py")
    assert await store.folder(function(Code(TEXT)), ".py") == one
    assert await store.folder(function(Code(TEXT + "#")), ".py") != one
    assert await store.folder(replace(function(Code(TEXT)), handler="other.main"), ".py") != one


async def test_base64_is_decoded_and_checked(store: CodeStore) -> None:
    encoded = base64.encodebytes(TEXT.encode()).decode()
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    code = Code(encoded, Encoding.BASE64, checksum=digest.upper())
    assert (await store.folder(function(code), ".py") / "hello.py").read_text() == TEXT
    with pytest.raises(FunctionInvalid, match="not base64"):
        await store.folder(function(Code("!", Encoding.BASE64)), ".py")


async def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    store: CodeStore, tmp_path: Path
) -> None:
    with pytest.raises(FunctionInvalid, match=hashlib.sha256(TEXT.encode()).hexdigest()):
        await store.folder(function(Code(TEXT, checksum="0" * 64)), ".py")
    assert not (tmp_path / "code").exists()


async def test_zip_and_tar_are_unpacked(store: CodeStore) -> None:
    packed = zipped(**{"hello.py": TEXT.encode(), "lib/a.py": b"A = 1"})
    code = Code(base64.b64encode(packed).decode(), Encoding.BASE64, Archive.ZIP)
    folder = await store.folder(function(code), ".py")
    assert (folder / "lib" / "a.py").read_text() == "A = 1"
    packed = tarred((entry("lib", tarfile.DIRTYPE), b""), (entry("./hello.py"), TEXT.encode()))
    code = Code(base64.b64encode(packed).decode(), Encoding.BASE64, Archive.TAR)
    folder = await store.folder(function(code), ".py")
    assert (folder / "hello.py").read_text() == TEXT


HOSTILE = {
    "climbs out": (Archive.ZIP, zipped(**{"../evil": b""}), "outside of its folder"),
    "absolute": (Archive.TAR, tarred((entry("/evil"), b"")), "outside of its folder"),
    "symlink": (Archive.TAR, tarred((entry("a", tarfile.SYMTYPE, "/"), b"")), "link or device"),
    "hard link": (Archive.TAR, tarred((entry("a", tarfile.LNKTYPE, "b"), b"")), "link or device"),
    "device": (Archive.TAR, tarred((entry("a", tarfile.CHRTYPE), b"")), "link or device"),
    "zip bomb": (Archive.ZIP, zipped(a=b"0" * 100_000), "larger than the limit"),
    "tar bomb": (Archive.TAR, tarred((entry("a"), b"0" * 100_000)), "larger than the limit"),
    "many": (Archive.ZIP, zipped(**{str(n): b"" for n in range(6)}), "more than 5 members"),
    "cut": (Archive.TAR, tarred((entry("a"), b"0" * 500))[:60], "pack it again"),
    "not a zip": (Archive.ZIP, b"hello", "pack it again"),
    "file as folder": (Archive.ZIP, zipped(**{"a": b"", "a/b": b""}), "pack it again"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name: str, tmp_path: Path) -> None:
    kind, packed, sentence = HOSTILE[name]
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(FunctionInvalid, match=sentence):
        unpack(packed, kind, inside, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """Serve code at /code, and trouble elsewhere."""

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/code")

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=b"0" * 20_000)

    async def code(request: web.Request) -> web.Response:
        return web.Response(text=TEXT)

    app = web.Application()
    app.router.add_get("/code", code)
    app.router.add_get("/moved", moved)
    app.router.add_get("/large", large)
    async with TestServer(app) as running:
        yield running


def at(server: TestServer, path: str) -> LocalFunction:
    return function(Code(str(server.make_url(path)), Encoding.URL))


async def test_code_is_downloaded_through_redirects(store: CodeStore, server: TestServer) -> None:
    for path in ("/code", "/moved"):
        folder = await store.folder(at(server, path), ".py")
        assert (folder / "hello.py").read_text() == TEXT


async def test_too_large_a_download_is_cut_off(store: CodeStore, server: TestServer) -> None:
    with pytest.raises(FunctionInvalid, match="more than 10000 bytes"):
        await store.folder(at(server, "/large"), ".py")


async def test_a_failed_download_may_be_tried_again(store: CodeStore, server: TestServer) -> None:
    with pytest.raises(PreparationFailed, match="answered 404") as caught:
        await store.folder(at(server, "/nothing?token=secret"), ".py")
    assert "secret" not in str(caught.value)
    code = at(server, "/code")
    await server.close()
    with pytest.raises(PreparationFailed, match="downloading"):
        await store.folder(code, ".py")


async def test_only_http_is_downloaded(store: CodeStore) -> None:
    with pytest.raises(FunctionInvalid, match="http or https"):
        await store.folder(function(Code("file:///etc/passwd", Encoding.URL)), ".py")
