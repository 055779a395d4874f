"""Writes docs/settings.md from the settings' own docstrings: `python -m` this module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from tests.unit.docs.pages import ROOT
from tests.unit.docs.sources import parsed

PAGE = ROOT / "docs" / "settings.md"
PARTS = (
    ("Gateway", ROOT / "gateway" / "settings.py"),
    ("Gateway of a cluster", ROOT / "gateway" / "cluster" / "settings.py"),
    ("Several workers", ROOT / "gateway" / "workers" / "settings.py"),
    ("Front door", ROOT / "gateway" / "http" / "settings.py"),
    ("Functions on a laptop", ROOT / "controllers" / "local" / "settings.py"),
    ("Controllers of a cluster", ROOT / "controllers" / "settings.py"),
)
PREFACE = """\
# Settings

Written by `python -m tests.unit.docs.settings_page` from the docstrings of the code; a test fails
when the two differ. Durations are seconds, sizes are bytes.

There is no settings file. Each command sets what has an option, and leaves the rest at its
default; who embeds the gateway passes a `Settings` value to `gateway/app.py: Gateway`.

| option of `tidegate up` | sets |
|---|---|
| `--host` | `HttpSettings.host` and `AdminSettings.host` |
| `--port` | `HttpSettings.port` |
| `--admin-port` | `AdminSettings.port` |
| `--nats` | `NatsSettings.url`; without it, the URL of the embedded server |
| `--workers` | `FleetSettings.workers`; 1 is one process without any |
| `--drain-timeout` | `LifecycleSettings.drain_timeout` and `LocalSettings.stop_timeout` |
| `--state` | `LocalSettings.state_dir` |

| option of `tidegate gateway` | variable | sets |
|---|---|---|
| `--namespace` | `TIDEGATE_NAMESPACE` | `ClusterSettings.namespace` |
| `--home` | `POD_NAMESPACE` | `ClusterSettings.home`; else the namespace of the account |
| `--name` | `POD_NAME` | `ClusterSettings.name`; else the name of the host |
| `--group` | `TIDEGATE_GROUP` | `ClusterSettings.group` |
| `--replicas-per-trigger` | – | `ClusterSettings.replicas_per_trigger` |
| `--lease` | – | `ClusterSettings.lease`, and a fifth of it `ClusterSettings.renew` |
| `--endpoints-lag` | – | `ClusterSettings.endpoints_lag` |
| `--workers` | – | `FleetSettings.workers`; 1 is one process without any |
| `--nats` | `NATS_URL` | `NatsSettings.url` |
| `--host` | – | as for `tidegate up`, but every address |
| `--port`, `--admin-port`, `--drain-timeout` | – | as for `tidegate up` |

Leases of Kinesis shards that are kept in the cluster have a `KinesisSettings.lease_period` of 30 s.

| option of `tidegate controller` | variable | sets |
|---|---|---|
| `--namespace` | `TIDEGATE_NAMESPACE` | `ControllerSettings.functions_namespace` |
| `--home` | `POD_NAMESPACE` | `LeaseSettings.namespace` |
| `--lease` | `TIDEGATE_LEASE` | `LeaseSettings.name` |
| `--lease-duration` | – | `ElectorSettings.duration`, and its other times on the same scale |
| `--config-namespace`, `--config` | `KUBELESS_NAMESPACE`, `KUBELESS_CONFIG` | `ConfigSettings` |
| `--gateway-namespace` | `TIDEGATE_GATEWAY_NAMESPACE` | `GatewaySettings.namespace` |
| `--gateway-service` | `TIDEGATE_GATEWAY_SERVICE` | `GatewaySettings.service` |
| `--gateway-port` | `TIDEGATE_GATEWAY_PORT` | `GatewaySettings.port` |
| `--gateway-admin-service` | `TIDEGATE_GATEWAY_ADMIN_SERVICE` | `GatewaySettings.admin_service` |
| `--host`, `--admin-port` | – | `ControllerAdminSettings` |
| `--workers` | – | `ControllerSettings.workers` |

| variable | sets |
|---|---|
| `TIDEGATE_STATE` | the same as `--state` |
| `TIDEGATE_GATEWAY_NAMESPACE` | where gateways live; default `tidegate` |
| `KAFKA_BROKERS` | `KafkaSettings.brokers`, separated by commas |
| `KAFKA_ENABLE_TLS` | `KafkaSettings.tls`; the next two rows count only with it |
| `KAFKA_INSECURE` | `KafkaSettings.insecure` |
| `KAFKA_CACERTS`, `KAFKA_CERT`, `KAFKA_KEY` | the paths of CA, certificate and key |
| `KAFKA_ENABLE_SASL` | whether to log in; the next row counts only with it |
| `KAFKA_USERNAME`, `KAFKA_PASSWORD`, `KAFKA_SASL_MECHANISM` | the login |
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | who reads for Kinesis triggers without a Secret |
| `AWS_ENDPOINT_URL_KINESIS` | where Kinesis is for triggers without an `endpoint` |
| `AWS_ENDPOINT_URL_DYNAMODB` | where the tables of their leases are |

Kafka's are those of Kubeless's trigger; AWS's clients read more of their own. Functions see none.

The state folder of `tidegate up` also holds the ledger, the leases of Kinesis shards and the store
of the embedded NATS server: deleting it forgets stored messages, the last time of every cron
trigger, and how far every Kinesis trigger has read.
"""


def rendered() -> str:
    """Return the page."""
    parts = ("\n".join(_part(title, file)) for title, file in PARTS)
    return "\n".join((PREFACE, *parts))


def _part(title: str, file: Path) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"`{file.relative_to(ROOT)}`\n"
    for node in parsed(file).body:
        if isinstance(node, ast.ClassDef) and (rows := list(_rows(node))):
            yield f"### {node.name}\n"
            yield f"{ast.get_docstring(node)}\n"
            yield "| setting | default | meaning |"
            yield "|---|---|---|"
            yield from rows
            yield ""


def _rows(node: ast.ClassDef) -> Iterator[str]:
    """Yield a row for each field that is a value; groups of settings have tables of their own."""
    for field, after in zip_longest(node.body, node.body[1:]):
        match field:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
                plain = _plain(value)
                if not isinstance(plain, ast.Call):
                    yield f"| `{name}` | {_default(kind, plain)} | {_docstring(after)} |"


def _plain(value: ast.expr | None) -> ast.expr | None:
    """Return the default in `field(default=…)`; other values as they are."""
    if isinstance(value, ast.Call):
        return next((each.value for each in value.keywords if each.arg == "default"), value)
    return value


def _default(kind: ast.expr, value: ast.expr | None) -> str:
    if value is None:
        return f"required ({ast.unparse(kind)})"
    text = ast.unparse(value)
    if not isinstance(value, ast.BinOp):
        return f"`{text}`"
    return f"`{text}` = {eval(text, {}):,}"  # our own source: products of numbers


def _docstring(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return "–"


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
