"""Metrics, log lines and settings of the Python server."""

import os

import pytest

from runtimes.python.log import LineWriter
from runtimes.python.metrics import Metrics
from runtimes.python.settings import MIB, ConfigError, settings_from_env

REQUIRED = {"MOD_NAME": "m", "FUNC_HANDLER": "f"}


def test_a_duration_on_a_bound_falls_into_its_bucket() -> None:
    metrics = Metrics()
    metrics.observe("GET", 0.25, failed=False)
    text = metrics.render()
    assert 'bucket{method="GET",le="0.1"} 0\n' in text
    assert 'bucket{method="GET",le="0.25"} 1\n' in text
    assert 'bucket{method="GET",le="+Inf"} 1\n' in text


def test_unknown_methods_share_one_label() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.observe(f"M{number}", 0.0, failed=True)
    assert 'function_failures_total{method="other"} 1000\n' in metrics.render()


def test_a_log_that_nobody_reads_stops_nothing_and_is_counted() -> None:
    reader, writer = os.pipe()
    try:
        log = LineWriter(writer)
        for _ in range(100):
            log.write("x" * 10_000)
        os.set_blocking(reader, False)
        assert os.read(reader, 1024 * 1024).count(b"\n") < 100
        log.write("again")
        assert b"lines dropped: the log was not read) again\n" in os.read(reader, 65536)
    finally:
        os.close(reader)
        os.close(writer)


def test_settings_have_defaults() -> None:
    settings = settings_from_env({**REQUIRED, "FUNC_TIMEOUT": ""})
    assert (settings.timeout, settings.port, settings.body_limit) == (180.0, 8080, 100 * MIB)
    assert (settings.concurrency, settings.folder, settings.title) == (None, "/kubeless", "m.f")


def test_the_old_name_of_the_body_limit_is_understood() -> None:
    old = {**REQUIRED, "FUNC_MEMFILE_MAX": "5"}
    assert settings_from_env(old).body_limit == 5
    assert settings_from_env({**old, "FUNC_BODY_LIMIT": "6"}).body_limit == 6


def test_a_bad_number_is_named_with_what_to_write_instead() -> None:
    with pytest.raises(ConfigError, match=r"FUNC_PORT is '1\.5': set it to a whole number from 0"):
        settings_from_env({**REQUIRED, "FUNC_PORT": "1.5"})
