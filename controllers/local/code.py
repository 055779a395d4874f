"""Brings the code of a function into a folder that is named after its content."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import shutil
import tempfile
from pathlib import Path

import aiohttp

from controllers.desired.code import Archive, Code, Encoding, FunctionInvalid
from controllers.desired.local import LocalFunction
from controllers.local.archive import unpack
from controllers.local.download import download
from controllers.local.settings import CodeSettings
from controllers.local.state_dir import touch


class CodeStore:
    """Folders of code below `root`. Equal content is written once, whole or not at all."""

    def __init__(self, root: Path, settings: CodeSettings, session: aiohttp.ClientSession) -> None:
        self._root = root
        self._settings = settings
        self._session = session

    async def folder(self, function: LocalFunction, file_suffix: str) -> Path:
        """Return the folder with the code of `function`.

        Raises FunctionInvalid when the function must be changed, PreparationFailed when another
        attempt may do.
        """
        file_name = function.module + file_suffix
        content = await self._content(function.code)
        return await asyncio.to_thread(self._store, function.code, content, file_name)

    async def _content(self, code: Code) -> bytes:
        if code.encoding is Encoding.URL:
            return await download(self._session, code.content.strip(), self._settings)
        return code.content.encode()

    def _store(self, code: Code, content: bytes, file_name: str) -> Path:
        decoded = _decoded(code, content)
        _verify(code, decoded)
        kind = f"{code.archive.value} {file_name if code.archive is Archive.NONE else ''}\n"
        target = self._root / hashlib.sha256(kind.encode() + decoded).hexdigest()[:32]
        if not target.exists():
            self._write(code, decoded, file_name, target)
        touch(target)
        return target

    def _write(self, code: Code, decoded: bytes, file_name: str, target: Path) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="new.", dir=self._root))
        try:
            if code.archive is Archive.NONE:
                (folder / file_name).write_bytes(decoded)
            else:
                unpack(decoded, code.archive, folder, self._settings)
            _publish(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster, with the same content
            raise


def _decoded(code: Code, content: bytes) -> bytes:
    if code.encoding is not Encoding.BASE64:
        return content
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error as error:
        raise FunctionInvalid(
            f"spec.function is not base64 ({error}); encode the file, or set "
            "spec.function-content-type to text"
        ) from error


def _verify(code: Code, decoded: bytes) -> None:
    actual = hashlib.sha256(decoded).hexdigest()
    if code.checksum and actual != code.checksum.lower():
        raise FunctionInvalid(
            f"spec.checksum is not that of the code, whose sha256 is {actual}; check where the "
            "code comes from, then correct spec.checksum"
        )
