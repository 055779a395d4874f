"""Which runtimes exist, and what each needs to run a function. It describes; others run."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType

from runtimes.runtime import Choice, Runtime, Step


class UnknownRuntime(LookupError):
    """No runtime has this name; the message says which are near, or which exist."""


def python(version: str) -> Runtime:
    """The runtime of one Python."""
    image = f"tidegate/python:{version}"
    return Runtime(
        name=f"python{version}",
        language="python",
        version=version,
        file_suffix=".py",
        deps_file="requirements.txt",
        image=image,
        command=(f"python{version}", "{files}/server.py"),
        env={"PYTHONPATH": f"{{function}}/lib/python{version}/site-packages:{{function}}"},
        install=_pip(version, image),
        own_variables=("PYTHON",),
    )


def _pip(version: str, image: str) -> Step:
    """Install with the interpreter that will run it. A requirements file with hashes is held to
    them by pip itself, which then refuses every line without one.

    To pip, an index that lets nobody in is empty; only its log says why. That is a file of this
    installation alone: pip appends, and a laptop has one folder for what is temporary.
    """
    command = f"""\
log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT
python{version} -m pip install --log "$log" \\
  --prefix="$KUBELESS_INSTALL_VOLUME" --requirement "$KUBELESS_DEPS_FILE" &
trap 'kill $!' TERM
wait $! && exit
code=$?
grep -o 'Could not fetch URL .*: 40[137] .*' "$log" | tail -n 1 >&2
exit $code
"""
    env = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",  # nobody would read it again: the next pod starts empty
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    }
    return Step(command, image, env)


def nodejs(version: str) -> Runtime:
    """The runtime of one Node.js."""
    image = f"tidegate/nodejs:{version}"
    return Runtime(
        name=f"nodejs{version}",
        language="nodejs",
        version=version,
        file_suffix=".js",
        deps_file="package.json",
        image=image,
        command=("node", "{files}/server.js"),
        env={"NODE_PATH": "{function}/node_modules"},
        install=Step('exec "$TIDEGATE_RUNTIME/install"', image),
        installed=("node_modules",),
        lock_files=("package-lock.json", "npm-shrinkwrap.json"),
        programs=("node",),
        own_variables=("NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "UV_"),
    )


def ruby(version: str) -> Runtime:
    """The runtime of one Ruby."""
    image = f"tidegate/ruby:{version}"
    command = (
        'if [ -e "$KUBELESS_INSTALL_VOLUME/Gemfile.lock" ]; then export BUNDLE_FROZEN=true; fi; '
        'exec bundle install --gemfile="$KUBELESS_DEPS_FILE"'
    )
    places = {"BUNDLE_PATH": "{function}", "BUNDLE_APP_CONFIG": "{function}/.bundle"}
    return Runtime(
        name=f"ruby{version}",
        language="ruby",
        version=version,
        file_suffix=".rb",
        deps_file="Gemfile",
        image=image,
        command=("ruby", "--disable-gems", "{files}/server.rb"),
        install=Step(command, image, places),
        installed=("ruby", ".bundle", "Gemfile.lock"),
        lock_files=("Gemfile.lock",),
        programs=("ruby",),
    )


def php(version: str) -> Runtime:
    """The runtime of one PHP."""
    command = (
        "exec composer install --no-dev --no-interaction --no-progress "
        '--working-dir="$KUBELESS_INSTALL_VOLUME"'
    )
    return Runtime(
        name=f"php{version}",
        language="php",
        version=version,
        file_suffix=".php",
        deps_file="composer.json",
        image=f"tidegate/php:{version}",
        command=("php", "{files}/server.php"),
        install=Step(command, "composer:2"),
        installed=("vendor", "composer.lock"),
        lock_files=("composer.lock",),
        programs=("php",),
    )


def go(version: str) -> Runtime:
    """The runtime of one Go; its build brings the dependencies, too."""
    return Runtime(
        name=f"go{version}",
        language="go",
        version=version,
        file_suffix=".go",
        deps_file="go.mod",
        image=f"tidegate/go:{version}",
        command=("{function}/server",),
        compile=Step('exec "$TIDEGATE_RUNTIME/build"', f"tidegate/go-build:{version}"),
        programs=("go",),
    )


def java(version: str) -> Runtime:
    """The runtime of one Java; its compilation brings the dependencies, too."""
    return Runtime(
        name=f"java{version}",
        language="java",
        version=version,
        file_suffix=".java",
        deps_file="pom.xml",
        image=f"tidegate/java:{version}",
        command=("{function}/server",),
        compile=Step('exec "$TIDEGATE_RUNTIME/compile"', f"tidegate/java-build:{version}"),
        programs=("java", "javac"),
    )


def programs() -> Runtime:
    """The runtime of anything that can be executed."""
    return Runtime(
        name="exec1",
        language="exec",
        version="1",
        file_suffix="",
        deps_file="",
        image="tidegate/exec:1",
        command=("python3", "{files}/server.py"),
    )


def _named(*runtimes: Runtime) -> Mapping[str, Runtime]:
    return MappingProxyType({runtime.name: runtime for runtime in runtimes})


RUNTIMES = _named(
    *(python(version) for version in ("3.11", "3.12", "3.13")),
    *(nodejs(version) for version in ("22", "24")),
    go("1.26"),
    *(java(version) for version in ("17", "21", "25")),
    *(ruby(version) for version in ("3.3", "3.4")),
    *(php(version) for version in ("8.3", "8.4")),
    programs(),
)


def _ended(language: str, versions: str, successor: str) -> dict[str, str]:
    return {f"{language}{version}": successor for version in versions.split()}


SUCCESSORS: Mapping[str, str] = MappingProxyType(
    {
        **_ended("python", "2.7 3.4 3.5 3.6 3.7 3.8 3.9 3.10", "python3.11"),
        **_ended("nodejs", "6 8 10 12 14 16 18 20", "nodejs22"),
        **_ended("go", "1.10 1.11 1.12 1.13 1.14", "go1.26"),
        **_ended("java", "1.8 11", "java17"),
        **_ended("ruby", "2.3 2.4 2.5 2.6 2.7 3.0 3.1 3.2", "ruby3.3"),
        **_ended("php", "7.2 7.3 7.4 8.0 8.1 8.2", "php8.3"),
    }
)
"""Names whose interpreters have ended, most of them Kubeless's, and who runs their functions."""

OLD_WAYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {f"nodejs{version}": {"FUNC_COMPAT": "kubeless"} for version in (6, 8, 10, 12, 14)}
)
"""Names of Kubeless under which a function is written for what its runtime did: more variables."""


def find(name: str) -> Choice:
    """The runtime for a name; raises UnknownRuntime."""
    if name in RUNTIMES:
        return Choice(RUNTIMES[name])
    if name in SUCCESSORS:
        runtime = RUNTIMES[SUCCESSORS[name]]
        env = {**runtime.env, **OLD_WAYS.get(name, {})}
        return Choice(replace(runtime, env=env), succession(name, runtime.name))
    raise UnknownRuntime(unknown(name))


def succession(name: str, successor: str) -> str:
    """What the author of a function with an old runtime should know."""
    sentence = f"runtime {name} has ended: {successor} runs the function; set runtime: {successor}"
    if name == "python2.7":
        sentence += ", and write the function in Python 3"
    return sentence


def unknown(name: str) -> str:
    """Which runtime could be meant."""
    near = get_close_matches(name, RUNTIMES, n=3, cutoff=0.75)
    if near:
        return f"there is no runtime {name!r}: did you mean {' or '.join(near)}?"
    return f"there is no runtime {name!r}: set runtime to one of {', '.join(RUNTIMES)}"
