"""Writes golden_triggers/*.yaml, what is made for triggers of every shape: `python -m` this."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from controllers.desired.backend import Front
from controllers.desired.cronjob import SCRIPT, desired_cron_job
from controllers.desired.ingress import desired_route
from tests.support.functions import function
from tests.support.triggers import cron_trigger, http_trigger

Object = dict[str, Any]

FOLDER = Path(__file__).with_name("golden_triggers")
FRONT = Front("tidegate")
HELLO = function(timeout="30", service={"ports": [{"port": 80, "targetPort": 9000}]})

_ALL: Object = {
    "host_name": "api.example.com",
    "path": "orders",
    "tls": True,
    "cors_enable": True,
}
HTTP: Mapping[str, Object] = {
    "bare": {},
    "nginx": {**_ALL, "gateway": "nginx", "basic_auth_secret": "users"},
    "nginx-to-function": {**_ALL, "gateway": "nginx-internal", "via": "function"},
    "traefik": {**_ALL, "gateway": "traefik", "basic_auth_secret": "users"},
    "kong": {**_ALL, "gateway": "kong"},
    "haproxy": {**_ALL, "gateway": "haproxy"},
    "own-certificate": {"host_name": "api.example.com", "tls_secret": "certificate"},
    "gateway-api": {
        "host_name": "api.example.com",
        "path": "orders",
        "methods": ["GET", "POST"],
        "gatewayRef": {"name": "public", "namespace": "infra", "sectionName": "https"},
    },
}
CRON: Mapping[str, Object] = {
    "cron": {"payload": {"text": 'it\'s "$(id)" `id`'}},
    "cron-zone": {
        "schedule": "TZ=Europe/Berlin 0 3 * * *",
        "concurrencyPolicy": "Forbid",
        "missedRuns": "skip",
        "suspend": True,
        "delivery": {"retry": 2, "timeout": "10s"},
    },
}


def objects(name: str) -> tuple[list[Object], tuple[str, ...]]:
    """Return what is made for one shape, and the warnings."""
    if name in HTTP:
        wanted = desired_route(http_trigger(**HTTP[name]), HELLO, FRONT)
        return list(wanted.objects), (f"url: {wanted.url}", *wanted.warnings)
    return [desired_cron_job(cron_trigger(**CRON[name]), HELLO, "provision:1")], ()


class _Dumper(yaml.SafeDumper):
    """Writes nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    text = "(the script of cronjob.py)" if text == SCRIPT else text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


_Dumper.add_representer(str, _text)


def rendered(name: str) -> str:
    """Return the file for one shape."""
    made, said = objects(name)
    comments = "".join(f"# {sentence}\n" for sentence in said)
    return comments + yaml.dump_all(
        made, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


if __name__ == "__main__":
    for name in (*HTTP, *CRON):
        (FOLDER / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
    sys.stdout.write(f"{FOLDER}\n")
