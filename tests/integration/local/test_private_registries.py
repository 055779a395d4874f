"""Dependencies come from private registries, through a proxy, with passwords of a Secret."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from controllers.desired.code import Code
from controllers.desired.local import LocalFunction, Reference, Variable
from controllers.local.status import State
from tests.fakes.package_proxy import (
    COMPOSER,
    GEMS,
    PASSWORD,
    USER,
    PackageProxy,
    composer_packages,
    gems,
)
from tests.support.laptop import Laptop, function

SECRET = ("Secret", "default", "registry")


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {missing} on this machine")


def of_secret(name: str) -> Variable:
    """A variable whose value is the password's line in the Secret."""
    return Variable(name, Reference("Secret", "registry", "login"))


def through(proxy: PackageProxy) -> Variable:
    return Variable("http_proxy", proxy.url)


def in_ruby(proxy: PackageProxy, home: Path) -> LocalFunction:
    """A function that needs a gem."""
    return function(
        runtime="ruby3.3",
        code=Code('require "greeting"\n\ndef main(_event, _context) = GREETING\n'),
        deps=f'source "http://{GEMS}"\ngem "greeting"\n',
        env=(
            through(proxy),
            of_secret("BUNDLE_GEMS__EXAMPLE__TEST"),
            Variable("BUNDLE_USER_HOME", str(home)),
        ),
    )


def in_php(proxy: PackageProxy, home: Path) -> LocalFunction:
    """A function that needs a package of Composer's."""
    deps = {
        "repositories": [
            {"type": "composer", "url": f"http://{COMPOSER}"},
            {"packagist.org": False},
        ],
        "require": {"example/greeting": "^1.0"},
        "config": {"secure-http": False},
    }
    return function(
        runtime="php8.3",
        code=Code("<?php\nfunction main($event, $context)\n{\n    return GREETING;\n}\n"),
        deps=json.dumps(deps),
        env=(
            through(proxy),
            of_secret("COMPOSER_AUTH"),
            # Of its own: what it has once seen it takes without asking.
            Variable("COMPOSER_HOME", str(home)),
            Variable("COMPOSER_CACHE_DIR", str(home / "cache")),
        ),
    )


@needs("ruby", "bundle", "gem")
async def test_bundler_logs_in_to_a_private_gem_server(laptop: Laptop, tmp_path: Path) -> None:
    proxy = PackageProxy({GEMS: await gems(tmp_path / "greeting")})
    laptop.entries[SECRET] = {"login": f"{USER}:{PASSWORD}".encode()}
    async with proxy.running():
        laptop.functions.want([in_ruby(proxy, tmp_path)])
        await laptop.ready()
        assert await laptop.call() == "good morning"


@needs("ruby", "bundle", "gem")
async def test_a_wrong_password_of_a_gem_server_is_told_and_not_shown(
    laptop: Laptop, tmp_path: Path
) -> None:
    proxy = PackageProxy({GEMS: await gems(tmp_path / "greeting")})
    laptop.entries[SECRET] = {"login": f"{USER}:open".encode()}
    async with proxy.running():
        laptop.functions.want([in_ruby(proxy, tmp_path)])
        await laptop.until(lambda: laptop.printed("installing spec.deps failed with code"))
    assert laptop.status().state is State.FAILING
    assert proxy.refused > 0
    assert not laptop.printed(f"{USER}:open")


@needs("php", "composer")
async def test_composer_logs_in_to_a_private_repository(laptop: Laptop, tmp_path: Path) -> None:
    proxy = PackageProxy({COMPOSER: composer_packages()})
    login = {"http-basic": {COMPOSER: {"username": USER, "password": PASSWORD}}}
    laptop.entries[SECRET] = {"login": json.dumps(login).encode()}
    async with proxy.running():
        laptop.functions.want([in_php(proxy, tmp_path)])
        await laptop.ready()
        assert await laptop.call() == "good morning"


@needs("php", "composer")
async def test_a_wrong_password_of_a_repository_is_told_and_not_shown(
    laptop: Laptop, tmp_path: Path
) -> None:
    proxy = PackageProxy({COMPOSER: composer_packages()})
    login = {"http-basic": {COMPOSER: {"username": USER, "password": "opensaysme"}}}
    laptop.entries[SECRET] = {"login": json.dumps(login).encode()}
    async with proxy.running():
        laptop.functions.want([in_php(proxy, tmp_path)])
        await laptop.until(lambda: laptop.printed("installing spec.deps failed with code"))
    assert laptop.status().state is State.FAILING
    assert proxy.refused > 0
    assert not laptop.printed("opensaysme")
