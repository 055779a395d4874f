"""From Function objects to what the laptop runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controllers.desired.code import Archive, Code, Encoding, FunctionInvalid
from controllers.desired.environment import process_env, user_env
from controllers.desired.local import (
    LocalFunction,
    Reference,
    Variable,
    fingerprint,
    local_function,
)
from tidegate.api.function import Function

HELLO = LocalFunction("default", "hello", "python3.11", "hello.main", Code("text"))


def manifest(**spec: Any) -> Function:
    """Return default/hello with these fields over the ones it needs."""
    fields = {"handler": "hello.main", "runtime": "python3.11", "function": "text"} | spec
    return Function.model_validate(
        {
            "apiVersion": "kubeless.io/v1beta1",
            "kind": "Function",
            "metadata": {"name": "hello", "namespace": "shop"},
            "spec": fields,
        }
    )


def with_container(**container: Any) -> Function:
    """Return a function with this first container."""
    return manifest(
        deployment={"spec": {"template": {"spec": {"containers": [{"name": "", **container}]}}}}
    )


def test_a_plain_function_gets_kubeless_defaults() -> None:
    assert local_function(manifest()) == replace(HELLO, namespace="shop")


@pytest.mark.parametrize(
    ("content_type", "encoding", "archive", "carries_deps"),
    [
        ("", Encoding.TEXT, Archive.NONE, False),
        ("base64+zip", Encoding.BASE64, Archive.ZIP, False),
        ("url+compressedtar+deps", Encoding.URL, Archive.TAR, True),
    ],
)
def test_the_content_type_says_how_code_is_packed(
    content_type: str, encoding: Encoding, archive: Archive, carries_deps: bool
) -> None:
    fields = {"function": "dGV4dA==", "function-content-type": content_type}
    code = local_function(manifest(**fields)).code
    assert (code.encoding, code.archive, code.carries_deps) == (encoding, archive, carries_deps)


def test_replicas_and_memory_come_from_the_deployment() -> None:
    assert local_function(manifest(deployment={"spec": {"replicas": 3}})).replicas == 3
    limited = with_container(resources={"limits": {"memory": "128Mi"}})
    assert local_function(limited).memory_limit == "128Mi"


def test_environment_is_taken_from_the_first_container() -> None:
    function = with_container(
        env=[
            {"name": "PLAIN", "value": "1"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {
                "name": "MODE",
                "valueFrom": {"configMapKeyRef": {"name": "c", "key": "m", "optional": True}},
            },
        ],
        envFrom=[{"prefix": "DB_", "secretRef": {"name": "db"}}],
    )
    assert local_function(function).env == (
        Variable("DB_", Reference("Secret", "db", None)),
        Variable("PLAIN", "1"),
        Variable("TOKEN", Reference("Secret", "s", "k")),
        Variable("MODE", Reference("ConfigMap", "c", "m", optional=True)),
    )


def lookup(kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
    """Return the entries of the one Secret that there is."""
    there = (kind, namespace, name) == ("Secret", "default", "db")
    return {"user": b"me", "password": b"secret"} if there else None


def env_of(*variables: Variable) -> dict[str, str]:
    return user_env(replace(HELLO, env=variables), lookup)


def test_references_are_resolved_in_the_functions_own_namespace() -> None:
    one = Variable("USER", Reference("Secret", "db", "user"))
    every = Variable("DB_", Reference("Secret", "db", None))
    assert env_of(every, one) == {"DB_user": "me", "DB_password": "secret", "USER": "me"}
    with pytest.raises(FunctionInvalid, match="Secret shop/db, which is not there"):
        user_env(replace(HELLO, namespace="shop", env=(one,)), lookup)


def test_a_missing_key_is_named_and_no_value_is_shown() -> None:
    with pytest.raises(FunctionInvalid, match=r"key 'usr'.*password, user") as caught:
        env_of(Variable("USER", Reference("Secret", "db", "usr")))
    assert "secret" not in str(caught.value).replace("Secret", "")


def test_variables_may_refer_to_those_before_them() -> None:
    env = env_of(
        Variable("HOST", "db"),
        Variable("URL", "http://$(HOST)/$(LATER)?price=$$5&$$(HOST)"),
        Variable("LATER", "no"),
    )
    assert env["URL"] == "http://db/$(LATER)?price=$5&$(HOST)"


def test_what_is_optional_may_be_missing() -> None:
    assert env_of(Variable("A", Reference("Secret", "db", "nothing", optional=True))) == {}
    assert env_of(Variable("A", Reference("Secret", "nothing", "a", optional=True))) == {}


@pytest.mark.parametrize("handler", ["", "main", "a.b.c", ".main", "hello.", "../x.main", "a/b.c"])
def test_a_handler_that_is_not_module_and_function_is_refused(handler: str) -> None:
    with pytest.raises(FunctionInvalid, match=r"module\.function"):
        _ = replace(HELLO, handler=handler).module


def test_the_servers_variables_win_over_the_users() -> None:
    env = process_env(HELLO, {"FUNC_HANDLER": "mine", "OTHER": "kept"}, "/code", "127.0.0.1")
    assert env["FUNC_HANDLER"] == "main"
    assert env["OTHER"] == "kept"
    assert env["FUNC_TIMEOUT"] == "180"
    assert env["KUBELESS_INSTALL_VOLUME"] == "/code"


def test_a_call_of_hours_does_not_ask_for_a_stop_of_hours() -> None:
    env = process_env(replace(HELLO, timeout=7200.0), {}, "/code", "127.0.0.1")
    assert (env["FUNC_TIMEOUT"], env["FUNC_SHUTDOWN_TIMEOUT"]) == ("7200", "3600")


def test_the_fingerprint_changes_with_anything_that_matters() -> None:
    others = [
        replace(HELLO, code=Code("other")),
        replace(HELLO, deps="six"),
        replace(HELLO, timeout=1.0),
        replace(HELLO, replicas=2),
        replace(HELLO, handler="hello.other"),
    ]
    prints = {fingerprint(function, {}) for function in (HELLO, *others)}
    assert len(prints) == 1 + len(others)
    assert fingerprint(HELLO, {"A": "1"}) not in prints
    assert fingerprint(HELLO, {}) == fingerprint(replace(HELLO), {})
