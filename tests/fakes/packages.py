"""What registries of packages show, language by language: each has one package, greeting."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping

from tests.fakes.installed import maven_repository
from tests.fakes.package_proxy import WORDS, Pages

WORD = WORDS["1.0.0"]
GO_MODULE = "example.com/greeting"

MAVEN_BUILD = """\
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId><artifactId>function</artifactId><version>1.0</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build><plugins>
    <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.1</version></plugin>
    <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.11.0</version></plugin>
    <plugin><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version></plugin>
  </plugins></build>
"""
"""What a function's pom.xml says but for its dependencies. Whichever Maven reads it, it asks for
the plugins that `maven_packages` has."""


def python_packages(path: str) -> Pages:
    """Return an index of pip's below `path`, such as /simple."""
    name = "greeting-1.0-py3-none-any.whl"
    content = wheel("greeting", f"WORD = {WORD!r}\n", "1.0")
    digest = hashlib.sha256(content).hexdigest()
    link = f'<!DOCTYPE html><a href="{html.escape(name)}#sha256={digest}">{name}</a>\n'
    return {f"{path}/greeting/": link.encode(), f"{path}/greeting/{name}": content}


def wheel(module: str, code: str, version: str = "1") -> bytes:
    """Return a package of one module that pip installs without asking anybody."""
    about = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n"
    return zipped(
        {
            f"{module}.py": code,
            f"{about}/METADATA": metadata,
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
    )


def node_packages(url: str, path: str) -> Pages:
    """Return a registry of npm's at `url`, below `path`, with two versions of the package."""
    versions = {}
    files = {}
    for version in WORDS:
        place = f"{path}/greeting/-/greeting-{version}.tgz"
        files[place] = _node_archive(version)
        dist = {"tarball": f"{url}{place}", "integrity": node_integrity(version)}
        versions[version] = {"name": "greeting", "version": version, "dist": dist}
    about = {"name": "greeting", "dist-tags": {"latest": max(WORDS)}, "versions": versions}
    return {f"{path}/greeting": json.dumps(about).encode(), **files}


def node_integrity(version: str) -> str:
    """Return the digest of a version as npm's lock files have it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(_node_archive(version)).digest()).decode()


def _node_archive(version: str) -> bytes:
    about = json.dumps({"name": "greeting", "version": version})
    code = f"module.exports = {WORDS[version]!r};\n"
    return _tarred({"package/package.json": about, "package/index.js": code})


def go_packages(path: str) -> Pages:
    """Return a proxy of Go modules below `path`."""
    module = f"module {GO_MODULE}\n\ngo 1.21\n"
    archive = zipped(
        {
            f"{GO_MODULE}@v1.0.0/go.mod": module,
            f"{GO_MODULE}@v1.0.0/word.go": f'package greeting\n\nconst Word = "{WORD}"\n',
        }
    )
    place = f"{path}/{GO_MODULE}/@v"
    return {
        f"{place}/list": b"v1.0.0\n",
        f"{place}/v1.0.0.info": b'{"Version": "v1.0.0", "Time": "2020-01-01T00:00:00Z"}',
        f"{place}/v1.0.0.mod": module.encode(),
        f"{place}/v1.0.0.zip": archive,
    }


def maven_packages(path: str) -> Pages:
    """Return a repository below `path`, with all that Maven asks for to compile a function.

    Raises NotToBeHad where Maven cannot fetch that.
    """
    name = f"{path}/com/example/greeting/1.0/greeting-1.0"
    about = "<groupId>com.example</groupId><artifactId>greeting</artifactId><version>1.0</version>"
    own = {
        f"{name}.pom": f"<project><modelVersion>4.0.0</modelVersion>{about}</project>".encode(),
        f"{name}.jar": zipped({"greeting.txt": WORD}),
    }
    sums = {f"{key}.sha1": hashlib.sha1(each).hexdigest().encode() for key, each in own.items()}
    return {**_maven_plugins(path), **own, **sums}


def _maven_plugins(path: str) -> Pages:
    folder = maven_repository(f"<project>\n{MAVEN_BUILD}</project>\n")
    files = (each for each in folder.rglob("*") if each.suffix in (".jar", ".pom", ".sha1"))
    return {f"{path}/{each.relative_to(folder)}": each.read_bytes() for each in files}


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Return a zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def _tarred(files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    # Without the time, so that the same is the same.
    with (
        gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()
