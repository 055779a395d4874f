"""Manifests that tests write, change and break."""

from __future__ import annotations

from textwrap import indent

FUNCTION = """\
apiVersion: kubeless.io/v1beta1
kind: Function
metadata:
  name: {name}
  labels: {{function: {name}}}
spec:
  runtime: python3.11
  handler: {name}.main
  timeout: "20"
  function: |
{code}
---
"""

ROUTE = """\
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {{name: {name}}}
spec: {{function-name: {function}, path: {path}}}
---
"""

STREAM = """\
apiVersion: kubeless.io/v1beta1
kind: NATSTrigger
metadata: {{name: {name}}}
spec:
  topic: {subject}
  functionSelector: {{matchLabels: {{function: {function}}}}}
  jetstream: {{stream: {stream}, createStream: true, ackWait: 5s}}
  delivery: {{retry: -1, backoffDelay: 50ms, backoffMax: 500ms}}
---
"""


def function(code: str, name: str = "hello") -> str:
    """Return a function; `code` is the whole module or the body of `main`."""
    text = code if "def main" in code else "def main(event, context):\n" + indent(code, "    ")
    return FUNCTION.format(name=name, code=indent(text, "    "))


def route(name: str = "web", function: str = "hello", path: str = "/") -> str:
    """Return an HTTP trigger."""
    return ROUTE.format(name=name, function=function, path=path)


def stream(name: str = "orders", function: str = "hello", subject: str = "orders.new") -> str:
    """Return a JetStream trigger that makes its stream."""
    return STREAM.format(name=name, function=function, subject=subject, stream=name.upper())
