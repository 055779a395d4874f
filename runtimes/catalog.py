"""Which runtimes exist, and what each needs to run a function. It describes; others run."""

from collections.abc import Mapping
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
        own_variables="PYTHON",
    )


def _pip(version: str, image: str) -> Step:
    """Install with the interpreter that will run it. A requirements file with hashes is held to
    them by pip itself, which then refuses every line without one."""
    command = (
        f'exec python{version} -m pip install --prefix="$KUBELESS_INSTALL_VOLUME" '
        '--requirement "$KUBELESS_DEPS_FILE"'
    )
    env = {
        "HOME": "/tmp",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",  # nobody would read it again: the next pod starts empty
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    }
    return Step(command, image, env)


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
    programs(),
)

SUCCESSORS: Mapping[str, str] = MappingProxyType(
    {
        f"python{version}": "python3.11"
        for version in ("2.7", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10")
    }
)
"""Names whose interpreters have ended, most of them Kubeless's, and who runs their functions."""


def find(name: str) -> Choice:
    """The runtime for a name; raises UnknownRuntime."""
    if name in RUNTIMES:
        return Choice(RUNTIMES[name])
    if name in SUCCESSORS:
        return Choice(RUNTIMES[SUCCESSORS[name]], succession(name, SUCCESSORS[name]))
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
