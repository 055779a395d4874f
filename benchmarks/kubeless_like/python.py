"""The design of Kubeless's server for Python: bottle on ten threads, and a forked process for each
call, which a queue with a timeout waits for. As CherryPy's, the server has five places for
connections that come at once; others try again after a second. It logs nothing, which is in its
favour. Prints its port.
"""

import multiprocessing
import sys
from queue import Empty
from typing import Any

import bottle  # type: ignore[import-not-found]  # it is installed for the run alone
import function  # type: ignore[import-not-found]  # beside this file, which is run by its path
import prometheus_client as metrics
from cheroot.wsgi import Server  # type: ignore[import-not-found]

TIMEOUT = 10.0
THREADS = 10
CALLS = metrics.Counter("function_calls_total", "calls", ["method"])
FAILURES = metrics.Counter("function_failures_total", "failures", ["method"])
SECONDS = metrics.Histogram("function_duration_seconds", "time", ["method"])
NAME = sys.argv[1]
CONTEXT = {"function-name": NAME, "timeout": TIMEOUT, "runtime": "python"}
EVENT = ("event-id", "event-type", "event-time", "event-namespace")

app = bottle.Bottle()
forks = multiprocessing.get_context("forkserver")


@app.route("/<:re:.*>", method=["GET", "POST", "PATCH", "DELETE"])  # type: ignore[untyped-decorator]
def handle() -> Any:
    request = bottle.request
    json = request.content_type == "application/json"
    event = {name: request.get_header(name) for name in EVENT}
    event["data"] = request.json if json else request.body.read()
    CALLS.labels(request.method).inc()
    with (
        FAILURES.labels(request.method).count_exceptions(),
        SECONDS.labels(request.method).time(),
    ):
        return call(event)


def call(event: object) -> Any:
    queue = forks.Queue()
    process = forks.Process(target=function.run, args=(queue, NAME, event, CONTEXT))
    process.start()
    try:
        answer = queue.get(timeout=TIMEOUT)
    except Empty:
        process.terminate()
        process.join()
        return bottle.HTTPError(408, "Timeout while processing the function")
    process.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def main() -> None:
    forks.set_forkserver_preload(["function"])
    server = Server(("127.0.0.1", 0), app, numthreads=THREADS)
    server.prepare()
    print(server.bind_addr[1], flush=True)
    server.serve()


if __name__ == "__main__":
    # Else each process for a call would import this file anew.
    del sys.modules["__main__"].__file__
    main()
