"""A function of each language that says what its dependency says, and how its installer logs in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime
from tests.e2e.cluster import Images, Object
from tests.e2e.objects import function, zipped
from tests.e2e.registries import PROXY, TRUST_STORE_PASSWORD, URL, logged_in
from tests.fakes.package_proxy import COMPOSER, GEMS, WORDS, composer_package
from tests.fakes.packages import GO_MODULE, MAVEN_BUILD, WORD, node_integrity

SECRET_FOLDER = "/registry"
"""Where the steps of a function find the files of its Secret."""

_AUTHORITY = f"{SECRET_FOLDER}/ca.crt"


@dataclass(frozen=True, slots=True)
class Language:
    """How functions of a language are written, and what is in the environment of its installer.

    `env` may name what `environment` takes of a Secret.
    """

    name: str
    handler: str
    code: str
    deps: Callable[[str], str]
    """From the name of a package to the file that asks for it."""

    env: Mapping[str, str]
    refused: str
    """What the installer says of a wrong password."""

    lock: Mapping[str, str] = field(default_factory=dict)
    """What is beside the file that asks for packages, where there are lock files."""

    @property
    def word(self) -> str:
        """What the newest version says: those without lock files have but one."""
        return WORDS[max(WORDS)] if self.lock else WORD

    def runtime(self, images: Images) -> Runtime:
        """Return a version that the cluster has all images of; without one the test is left out."""
        there = {*images.languages.split(), *(["python:3.11"] if images.python else [])}
        for one in RUNTIMES.values():
            if one.language == self.name and _images(one) <= there:
                return one
        pytest.skip(f"{self.name} in the cluster: TIDEGATE_E2E_LANGUAGES names not all its images")

    def function(self, images: Images, name: str, package: str, secret: str) -> Object:
        """Return a Function that needs a package, and logs in with what a Secret has."""
        code = {"function": self.code, "deps": self.deps(package)}
        return self._made(images, name, secret, code)

    def locked(self, images: Images, name: str, secret: str) -> Object:
        """Return one in an archive, whose lock file asks for the first version."""
        runtime = self.runtime(images)
        files = {
            f"hello{runtime.file_suffix}": self.code,
            runtime.deps_file: self.deps("greeting"),
            **self.lock,
        }
        code = {"function": zipped(files), "function-content-type": "base64+zip+deps"}
        return self._made(images, name, secret, code)

    def _made(self, images: Images, name: str, secret: str, code: Mapping[str, str]) -> Object:
        runtime = self.runtime(images)
        mount = {"name": "registry", "mountPath": SECRET_FOLDER, "readOnly": True}
        pod = {
            "containers": [{"env": environment(secret, self.env)}],
            "initContainers": [{"name": step(runtime), "volumeMounts": [mount]}],
            "volumes": [{"name": "registry", "secret": {"secretName": secret, "items": _FILES}}],
        }
        spec = {"runtime": runtime.name, "handler": self.handler, **code}
        deployment = {"spec": {"template": {"spec": pod}}}
        return function(images, name, "", deployment=deployment, **spec)


def step(runtime: Runtime) -> str:
    """Return the name of the init container that installs."""
    return "install" if runtime.install else "compile"


def environment(secret: str, env: Mapping[str, str]) -> list[Object]:
    """Return variables with what a Secret has, then those of `env`, which may name them."""
    login = [
        {
            "name": f"REGISTRY_{key.upper()}",
            "valueFrom": {"secretKeyRef": {"name": secret, "key": key}},
        }
        for key in ("user", "password", "login", "composer")
    ]
    return [*login, *({"name": name, "value": value} for name, value in env.items())]


def _images(runtime: Runtime) -> set[str]:
    steps = filter(None, (runtime.install, runtime.compile))
    return {name.rpartition("/")[2] for name in (runtime.image, *(one.image for one in steps))}


_FILES = [
    {"key": "ca.crt", "path": "ca.crt"},
    {"key": "trust.p12", "path": "trust.p12"},
    {"key": "settings.xml", "path": ".m2/settings.xml"},
]


def _gemfile(package: str) -> str:
    return f'source "http://{GEMS}"\ngem "{package}", "~> 1.0"\n'


def _composer(package: str) -> str:
    repositories = [{"type": "composer", "url": f"http://{COMPOSER}"}, {"packagist.org": False}]
    wanted = {
        "repositories": repositories,
        "require": {f"example/{package}": "^1.0"},
        "config": {"secure-http": False},
    }
    return json.dumps(wanted)


def _go_mod(package: str) -> str:
    path = GO_MODULE.replace("greeting", package)
    return f"module function\n\ngo 1.21\n\nrequire {path} v1.0.0\n"


def _pom(package: str) -> str:
    name = f"<artifactId>{package}</artifactId><version>1.0</version>"
    wanted = f"<dependency><groupId>com.example</groupId>{name}</dependency>"
    return f"<project>\n{MAVEN_BUILD}  <dependencies>{wanted}</dependencies>\n</project>\n"


def _package_lock() -> str:
    first = {
        "version": "1.0.0",
        "resolved": f"{URL}/npm/greeting/-/greeting-1.0.0.tgz",
        "integrity": node_integrity("1.0.0"),
    }
    asked = {"dependencies": {"greeting": "^1.0.0"}}
    packages = {"": asked, "node_modules/greeting": first}
    return json.dumps({"lockfileVersion": 3, "requires": True, "packages": packages})


_GEMFILE_LOCK = f"""\
GEM
  remote: http://{GEMS}/
  specs:
    greeting (1.0.0)

PLATFORMS
  ruby

DEPENDENCIES
  greeting (~> 1.0)
"""


def _composer_lock() -> str:
    locked = {
        "content-hash": "0" * 32,  # of another composer.json: that is warned of
        "packages": [composer_package("1.0.0")],
        "packages-dev": [],
        "aliases": [],
        "minimum-stability": "stable",
        "stability-flags": {},
        "prefer-stable": False,
        "prefer-lowest": False,
        "platform": {},
        "platform-dev": {},
    }
    return json.dumps(locked)


_GO = f"""\
package kubeless

import (
	"{GO_MODULE}"
	"github.com/kubeless/kubeless/pkg/functions"
)

func Main(event functions.Event, context functions.Context) (string, error) {{
	return greeting.Word, nil
}}
"""

_JAVA = """\
public class Hello {
    public String main() throws java.io.IOException {
        return new String(Hello.class.getResourceAsStream("/greeting.txt").readAllBytes());
    }
}
"""

LANGUAGES = (
    Language(
        "python",
        "hello.main",
        "import greeting\n\ndef main(event, context):\n    return greeting.WORD\n",
        lambda package: f"{package}==1.0\n",
        {
            "PIP_INDEX_URL": logged_in("$(REGISTRY_LOGIN)") + "/simple/",
            "PIP_CERT": _AUTHORITY,
        },
        "401 Client Error: Unauthorized",
    ),
    Language(
        "nodejs",
        "hello.main",
        "exports.main = () => require('greeting');\n",
        lambda package: json.dumps({"dependencies": {package: "^1.0.0"}}),
        {
            "NPM_REGISTRY": f"{URL}/npm/",
            "NPM_CONFIG_EXTRA": f"//{URL.partition('//')[2]}/npm/:_authToken=$(REGISTRY_PASSWORD)",
            "npm_config_cafile": _AUTHORITY,
        },
        "Incorrect or missing password",
        {"package-lock.json": _package_lock()},
    ),
    Language(
        "go",
        "hello.Main",
        _GO,
        _go_mod,
        {
            "GOPROXY": logged_in("$(REGISTRY_LOGIN)") + "/go",
            "GONOSUMDB": "example.com",
            "SSL_CERT_FILE": _AUTHORITY,
        },
        "401 Unauthorized",
    ),
    Language(
        "java",
        "Hello.main",
        _JAVA,
        _pom,
        {
            "MAVEN_OPTS": f"-Duser.home={SECRET_FOLDER}"
            f" -Djavax.net.ssl.trustStore={SECRET_FOLDER}/trust.p12"
            f" -Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}"
        },
        "status: 401",
    ),
    Language(
        "ruby",
        "hello.main",
        'require "greeting"\n\ndef main(_event, _context) = GREETING\n',
        _gemfile,
        {"http_proxy": PROXY, "BUNDLE_GEMS__EXAMPLE__TEST": "$(REGISTRY_LOGIN)"},
        "Bad username or password",
        {"Gemfile.lock": _GEMFILE_LOCK},
    ),
    Language(
        "php",
        "hello.main",
        "<?php\nfunction main($event, $context)\n{\n    return GREETING;\n}\n",
        _composer,
        {"http_proxy": PROXY, "COMPOSER_AUTH": "$(REGISTRY_COMPOSER)"},
        "HTTP 401",
        {"composer.lock": _composer_lock()},
    ),
)
