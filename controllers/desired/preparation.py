"""Init containers that bring a function's code and dependencies into its folder. Pure.

Nothing that a user wrote becomes part of a command: texts come in files of the ConfigMap, names
and digests in the environment, and the script is always the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controllers.desired import names
from controllers.desired.blueprint import Blueprint
from controllers.desired.code import Code
from controllers.desired.images import Phase
from controllers.desired.pod_environment import literal, variables
from runtimes.runtime import FUNCTION_FOLDER

Object = dict[str, Any]

SOURCE_FOLDER = "/src"
SECRETS_FOLDER = "/var/run/secrets/kubeless.io"
DOWNLOAD_TIME = 300
DOWNLOAD_LIMIT = 64 * 1024 * 1024
"""Of fetched code; what a laptop takes."""

SOURCE_TIME = 120
"""A node may show the ConfigMap of the revision before for a minute or two."""

SCRIPT = f"""\
set -eu
umask 022
fail() {{ echo "$*" >&2; exit 1; }}
sum() {{ cat "$@" 2>/dev/null | sha256sum | cut -d ' ' -f 1; }}

source=$SOURCE_FOLDER/$CODE_FILE
folder=$KUBELESS_INSTALL_VOLUME
set -- "$source"
[ -z "$DEPS_FILE" ] || set -- "$@" "$SOURCE_FOLDER/$DEPS_FILE"
waited=0
until [ "$(sum "$@")" = "$SOURCE_SHA256" ]; do
  [ "$waited" -lt {SOURCE_TIME} ] || fail "this node does not show this revision of the function's \
ConfigMap; the pod tries again"
  sleep 2
  waited=$((waited + 2))
done

code=${{TMPDIR:-/tmp}}/code
fetched=$code
case $CODE_ENCODING in
  text) code=$source ;;
  base64) base64 -d < "$source" > "$code" || fail "spec.function is not base64; encode the file" ;;
  url)
    curl --fail --location --proto =https,http --proto-redir =https,http --globoff \\
      --silent --show-error --connect-timeout 20 --max-time {DOWNLOAD_TIME} \\
      --max-filesize {DOWNLOAD_LIMIT} --retry 3 --retry-max-time {DOWNLOAD_TIME} --output "$code" \\
      --url "$(tr -d '[:space:]' < "$source")" ||
      fail "fetching the code from the URL in spec.function failed; check it, and the network" ;;
esac

if [ -n "$CODE_SHA256" ]; then
  found=$(sum "$code")
  [ "$found" = "$CODE_SHA256" ] || fail "spec.checksum is not that of the code, whose sha256 is \
$found; check where the code comes from, then correct it"
fi

case $CODE_ARCHIVE in
  none) cp "$code" "$folder/$CODE_FILE" ;;
  zip) unzip -q -o "$code" -d "$folder" ||
    fail "unpacking the zip archive failed; pack it again, or correct spec.function-content-type" ;;
  compressedtar) tar -x -o -f "$code" -C "$folder" ||
    fail "unpacking the tar archive failed; pack it again, or correct spec.function-content-type" ;;
esac
rm -f "$fetched"

[ -n "$DEPS_FILE" ] && [ "$DEPS_FROM" != nobody ] || exit 0
if [ "$DEPS_FROM" = spec ] || [ ! -e "$folder/$DEPS_FILE" ]; then
  cp "$SOURCE_FOLDER/$DEPS_FILE" "$folder/$DEPS_FILE"
fi
"""


def init_containers(plan: Blueprint) -> list[Object]:
    """Return what runs before the function, in order."""
    if plan.code is None:
        return []
    containers = [_prepare(plan, plan.code)]
    runtime = plan.runtime
    if runtime and runtime.install and plan.installs:
        containers.append(_step(plan, names.INSTALL, runtime.install, _deps(plan)))
    if runtime and runtime.compile:
        module, _, entry = plan.function.spec.handler.partition(".")
        called = {"MOD_NAME": module, "KUBELESS_FUNC_NAME": literal(entry)}
        containers.append(_step(plan, names.COMPILE, runtime.compile, _deps(plan) | called))
    return containers


def _deps(plan: Blueprint) -> dict[str, str]:
    return {"KUBELESS_DEPS_FILE": f"{FUNCTION_FOLDER}/{plan.deps_file}"}


def _prepare(plan: Blueprint, code: Code) -> Object:
    env = {
        "KUBELESS_INSTALL_VOLUME": FUNCTION_FOLDER,
        "SOURCE_FOLDER": SOURCE_FOLDER,
        "CODE_FILE": plan.file,
        "CODE_ENCODING": code.encoding.value,
        "CODE_ARCHIVE": code.archive.value,
        "CODE_SHA256": code.checksum.lower(),
        "SOURCE_SHA256": names.digest(code.content + plan.source.get(plan.deps_file, "")),
        "DEPS_FILE": plan.deps_file,
        "DEPS_FROM": _deps_from(plan, code),
    }
    source = {"name": names.source_volume(plan.name), "mountPath": SOURCE_FOLDER, "readOnly": True}
    return {
        **_container(plan, names.PREPARE, plan.config.provision_image, env),
        **_shell(SCRIPT),
        "volumeMounts": [*_mounts(plan), source],
    }


def _deps_from(plan: Blueprint, code: Code) -> str:
    """Say whose dependency file counts: an archive's own is not overwritten by an empty one.

    Where nothing asks for any there is no file: an empty one is no JSON to Node.js.
    """
    given = bool(plan.function.spec.deps.strip())
    if not given and not plan.installs:
        return "nobody"
    return "spec" if given and not code.carries_deps else "code"


def _step(plan: Blueprint, name: str, phase: Phase, env: Mapping[str, str]) -> Object:
    container = _container(
        plan, name, phase.image, {"KUBELESS_INSTALL_VOLUME": FUNCTION_FOLDER, **env, **_env(phase)}
    )
    secrets = [
        {
            "name": names.secret_volume(secret),
            "mountPath": f"{SECRETS_FOLDER}/{secret}",
            "readOnly": True,
        }
        for secret in phase.secrets
    ]
    command = _shell(phase.command) if phase.command else {}
    return {
        **container,
        **command,
        "workingDir": FUNCTION_FOLDER,
        "volumeMounts": [*_mounts(plan), *secrets],
    }


def _shell(script: str) -> Object:
    # Divided as Kubeless did, so that nothing of a Deployment that it left behind stays.
    return {"command": ["/bin/sh", "-c"], "args": [script]}


def _env(phase: Phase) -> dict[str, str]:
    """Return the phase's variables in an order that does not change by itself."""
    return dict(sorted(phase.env.items()))


def _container(plan: Blueprint, name: str, image: str, env: Mapping[str, str]) -> Object:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # The last lines of a failed step are what the function's status shows.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "env": variables(env),
    }


def _mounts(plan: Blueprint) -> list[Object]:
    return [
        {"name": names.code_volume(plan.name), "mountPath": FUNCTION_FOLDER},
        {"name": names.scratch_volume(plan.name), "mountPath": "/tmp"},
    ]


def volumes(plan: Blueprint) -> list[Object]:
    """Return the volumes of the function's pods."""
    source = {"name": names.source_volume(plan.name), "configMap": {"name": plan.name}}
    secrets = [
        {"name": names.secret_volume(secret), "secret": {"secretName": secret}}
        for secret in dict.fromkeys(_secrets(plan))
    ]
    return [
        {"name": names.code_volume(plan.name), "emptyDir": {}},
        {"name": names.scratch_volume(plan.name), "emptyDir": {}},
        *([source] if plan.code else []),
        *secrets,
    ]


def _secrets(plan: Blueprint) -> tuple[str, ...]:
    runtime = plan.runtime
    if runtime is None or plan.code is None:
        return ()
    install = runtime.install if plan.installs else None
    return tuple(
        secret for phase in (install, runtime.compile) if phase for secret in phase.secrets
    )
