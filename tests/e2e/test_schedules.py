"""CronJobTriggers with `mode: cronjob` on real controllers of Jobs."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster, eventually
from tests.e2e.objects import function, trigger

pytestmark = pytest.mark.timeout(1800)


def test_a_cronjob_calls_its_function(cluster: Cluster) -> None:
    code = "def run(event, context):\n    print('due', event['data']['what'], flush=True)\n"
    schedule = trigger(
        "CronJobTrigger",
        "due",
        function_name="due",
        schedule="* * * * *",
        mode="cronjob",
        payload={"what": "teapots"},
    )
    cluster.apply(function(cluster.images, "due", code), schedule)
    cluster.wait("function/due", "Ready")
    logs = ("logs", "deployment/due", "--tail=-1")
    eventually(lambda: "due teapots" in cluster.kubectl(*logs), "no Job has called the function")
    cluster.wait("cronjobtrigger/due", "Ready")
    cluster.kubectl("delete", "cronjobtrigger/due", "function/due")
    names = ("get", "cronjobs,jobs,pods", "--output", "name")
    eventually(lambda: "/due" not in cluster.kubectl(*names), "something of due is left")
