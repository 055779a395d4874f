"""A proxy, and behind it private registries of packages: only through it are they reached."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.support.http_servers import serving

USER = "reader"
PASSWORD = "sesame"
GEMS = "gems.example.test"
COMPOSER = "packages.example.test"
WORDS = {"1.0.0": "good morning", "1.1.0": "good evening"}
"""What the versions of a package say; there is only the first where no more are asked for."""

FIRST = ("1.0.0",)
_AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_GEMSPEC = """Gem::Specification.new do |spec|
  spec.name = "greeting"
  spec.version = "{version}"
  spec.summary = "A word"
  spec.authors = ["Somebody"]
  spec.license = "Apache-2.0"
  spec.homepage = "http://gems.example.test"
  spec.required_ruby_version = ">= 2.7"
  spec.files = ["lib/greeting.rb"]
end
"""

Pages = Mapping[str, bytes]
"""From a path to what is there."""


class PackageProxy:
    """Counts those that it has refused for want of a password."""

    def __init__(self, registries: Mapping[str, Pages]) -> None:
        self._registries = registries
        self.refused = 0
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen on a free port of loopback."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        async with serving(app) as self.url:
            yield

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        pages = self._registries.get(request.host.partition(":")[0])
        if pages is None:
            return web.Response(status=502, text=f"no way to {request.host}")
        if request.headers.get("Authorization") != _AUTHORIZATION:
            self.refused += 1
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="packages"'})
        body = pages.get(request.path)
        return web.Response(body=body) if body is not None else web.Response(status=404)


async def gems(folder: Path, versions: Sequence[str] = FIRST) -> Pages:
    """Return a registry of one gem, greeting, in the form of a compact index."""
    built = {version: await _gem(folder / version, version) for version in versions}
    sums = (f"{v} |checksum:{hashlib.sha256(gem).hexdigest()}\n" for v, gem in built.items())
    info = ("---\n" + "".join(sums)).encode()
    listed = f"greeting {','.join(built)} {hashlib.md5(info).hexdigest()}\n"
    return {
        "/versions": f"created_at: 2020-01-01T00:00:00Z\n---\n{listed}".encode(),
        "/info/greeting": info,
        **{f"/gems/greeting-{version}.gem": gem for version, gem in built.items()},
    }


async def _gem(folder: Path, version: str) -> bytes:
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "greeting.rb").write_text(f'GREETING = "{WORDS[version]}"\n')
    (folder / "greeting.gemspec").write_text(_GEMSPEC.format(version=version))
    process = await asyncio.create_subprocess_exec(
        "gem", "build", "--quiet", "greeting.gemspec", cwd=folder, stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    return (folder / f"greeting-{version}.gem").read_bytes()


def composer_packages(versions: Sequence[str] = FIRST) -> Pages:
    """Return a repository of one package, example/greeting."""
    archives = {version: _composer_archive(version) for version in versions}
    about = {version: composer_package(version) for version in versions}
    return {
        "/packages.json": json.dumps({"packages": {"example/greeting": about}}).encode(),
        **{f"/greeting-{version}.tar": archive for version, archive in archives.items()},
    }


def composer_package(version: str) -> dict[str, object]:
    """Return what a repository and a lock file say of a version."""
    return {
        "name": "example/greeting",
        "version": version,
        "dist": {
            "type": "tar",
            "url": f"http://{COMPOSER}/greeting-{version}.tar",
            "shasum": hashlib.sha1(_composer_archive(version)).hexdigest(),
        },
        "autoload": {"files": ["greeting.php"]},
    }


def _composer_archive(version: str) -> bytes:
    code = f"<?php const GREETING = '{WORDS[version]}';\n"
    return _archive(f"greeting-{version}/greeting.php", code.encode())


def _archive(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return file.getvalue()
