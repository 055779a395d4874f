"""What the servers of functions are measured beside, by language.

A bare server is the least that answers HTTP in the language, on its standard library: a file of
`benchmarks/bare`. A design of Kubeless's, of `benchmarks/kubeless_like`, is how its server takes a
call, written anew on the libraries that it used. It takes the name of its function, and is measured
with all that it starts: those for Ruby and PHP are servers behind a proxy. Each prints its port.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fakes.installed import debian_packages, installed, node_package, python_package

BARE = Path(__file__).parent / "bare"
KUBELESS_LIKE = Path(__file__).parent / "kubeless_like"

Words = tuple[str, ...]
"""Of a command."""

PYTHON_LIBRARIES = ("bottle==0.13.4", "cheroot==11.1.2", "prometheus-client==0.22.1")
"""Those of the other languages are in package.json, go.mod and pom.xml."""

RUBY_PACKAGES = (
    "ruby-mustermann",
    "ruby-rack",
    "ruby-rack-protection",
    "ruby-ruby2-keywords",
    "ruby-sinatra",
    "ruby-tilt",
    "ruby-webrick",
)
PHP_PACKAGES = (
    "nginx",
    "php8.2-fpm",
    "php-nikic-fast-route",
    "php-pimple",
    "php-psr-container",
    "php-psr-http-message",
    "php-slim",
)


def _made(kind: str, folder: Path, names: Words, *commands: Words) -> Path:
    """Return a folder of its own with these files of `folder`, and what commands make of them."""
    return installed(kind, {name: (folder / name).read_text() for name in names}, commands)


def _compiled_go(kind: str, folder: Path, *names: str) -> str:
    """Return the path of a server."""
    sources = [name for name in names if name.endswith(".go")]
    return str(_made(kind, folder, names, ("go", "build", "-o", "server", *sources)) / "server")


def _bare_go() -> Words:
    return (_compiled_go("bare-go", BARE, "go.go"),)


def _bare_java() -> Words:
    folder = _made("bare-java", BARE, ("java.java",), ("javac", "java.java"))
    return ("java", "-cp", str(folder), "Bare")


def _kubeless_python() -> Words:
    python = python_package(*PYTHON_LIBRARIES) / "bin" / "python"
    # By the path, the process that is forked finds the functions once, and not each fork.
    path = f"PYTHONPATH={KUBELESS_LIKE}"
    return ("env", path, str(python), str(KUBELESS_LIKE / "python.py"))


def _kubeless_nodejs() -> Words:
    modules = node_package(KUBELESS_LIKE) / "node_modules"
    return ("env", f"NODE_PATH={modules}", "node", str(KUBELESS_LIKE / "nodejs.js"))


def _kubeless_go() -> Words:
    names = ("go.mod", "go.sum", "go.go", "proxy.go")
    return (_compiled_go("kubeless-go", KUBELESS_LIKE, *names),)


def _kubeless_java() -> Words:
    fetch = ("mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib")
    compiled = ("javac", "-cp", "lib/*", "java.java")
    folder = _made("kubeless-java", KUBELESS_LIKE, ("pom.xml", "java.java"), fetch, compiled)
    return ("java", "-cp", f"{folder}:{folder}/lib/*", "KubelessLike")


def _kubeless_ruby() -> Words:
    usr = debian_packages(*RUBY_PACKAGES) / "usr"
    gems = usr.glob("share/rubygems-integration/all/gems/*/lib")
    path = ":".join(map(str, (*gems, usr / "lib" / "ruby" / "vendor_ruby")))
    server = ("ruby", str(KUBELESS_LIKE / "ruby.rb"))
    return ("env", f"RUBYLIB={path}", *_kubeless_go(), "behind", *server)


def _kubeless_php() -> Words:
    folder = debian_packages(*PHP_PACKAGES)
    server = ("sh", str(KUBELESS_LIKE / "php.sh"))
    return ("env", f"PACKAGES={folder}", *_kubeless_go(), "behind", *server)


BARE_SERVERS: Mapping[str, Callable[[], Words]] = {
    "python": lambda: (sys.executable, str(BARE / "python.py")),
    "ruby": lambda: ("ruby", "--disable-gems", str(BARE / "ruby.rb")),
    "php": lambda: ("php", str(BARE / "php.php")),
    "nodejs": lambda: ("node", str(BARE / "nodejs.js")),
    "go": _bare_go,
    "java": _bare_java,
}
KUBELESS_DESIGNS: Mapping[str, Callable[[], Words]] = {
    "python": _kubeless_python,
    "ruby": _kubeless_ruby,
    "php": _kubeless_php,
    "nodejs": _kubeless_nodejs,
    "go": _kubeless_go,
    "java": _kubeless_java,
}
"""By lane: what starts a server. Raises NotToBeHad."""
