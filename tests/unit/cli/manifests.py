"""Manifests of tests."""

from __future__ import annotations

FUNCTION = """\
apiVersion: kubeless.io/v1beta1
kind: Function
metadata: {{name: {name}}}
spec:
  runtime: python3.11
  handler: {handler}
  function: "def main(event, context): pass"
"""
ROUTE = """\
apiVersion: kubeless.io/v1beta1
kind: HTTPTrigger
metadata: {{name: {name}}}
spec: {{function-name: hello, path: {path}}}
"""


def function(name: str = "hello", handler: str = "hello.main") -> str:
    """Return a function as YAML."""
    return FUNCTION.format(name=name, handler=handler)


def route(name: str = "web", path: str = "/") -> str:
    """Return an HTTP trigger as YAML."""
    return ROUTE.format(name=name, path=path)


def joined(*texts: str) -> str:
    """Return several objects in one file."""
    return "---\n".join(texts)
