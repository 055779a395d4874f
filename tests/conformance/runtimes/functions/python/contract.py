"""The functions that every language's contract suite runs, in Python."""

# ruff: noqa: BLE001, RUF012, S110, SIM105, SIM108, T201
# What users write, good and bad on purpose.

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time


def echo(event, context):
    """What the function was given, as JSON."""
    request = event["extensions"]["request"]
    data = event["data"]
    if isinstance(data, bytes):
        data = {"bytes": data.decode("latin-1")}
    else:
        data = {"json": data}
    return {
        "data": data,
        "event-id": event["event-id"],
        "event-type": event["event-type"],
        "event-time": event["event-time"],
        "event-namespace": event["event-namespace"],
        "cloudevent": event["cloudevent"],
        "request": {
            "method": request.method,
            "path": request.path,
            "query_string": request.query_string,
            "query": dict(request.query),
        },
    }


def context(event, context):
    return context


class Teapot(Exception):
    status = 418
    headers = {"X-Kind": "teapot"}
    body = "short and stout"


class Unwritable:
    pass


def shaped(event):
    response = event["extensions"]["response"]
    response.status = 201
    response.headers["X-Shaped"] = "yes"
    response.content_type = "text/csv"
    return "a,b"


def raised(event):
    raise Teapot


def parts():
    yield "one "
    yield b"two"


ANSWERS = {
    "/text": lambda event: "grüße",
    "/bytes": lambda event: b"\x00\xff",
    "/object": lambda event: {"a": [1, None, True]},
    "/list": lambda event: ["a", 1],
    "/number": lambda event: 42,
    "/false": lambda event: False,
    "/nothing": lambda event: None,
    "/status": lambda event: ("made", 201),
    "/status-headers": lambda event: (b"", 302, {"Location": "/elsewhere"}),
    "/response": lambda event: Teapot(),
    "/raised": raised,
    "/shaped": shaped,
    "/parts": lambda event: parts(),
    "/no-content": lambda event: (None, 204),
    "/unwritable": lambda event: Unwritable(),
    "/bad-header": lambda event: ("", 200, {"X-Bad": "a\r\nSet-Cookie: b"}),
    "/bad-status": lambda event: ("", 99),
    "/large": lambda event: b"x" * 3_000_000,
}


def reply(event, context):
    return ANSWERS[event["extensions"]["request"].path](event)


async def reply_async(event, context):
    await asyncio.sleep(0)
    return reply(event, context)


def act(event, context):
    """Do what the query says, as good and bad functions do."""
    query = event["extensions"]["request"].query
    return ACTS[query["do"]](query)


counter = 0


def count(query):
    global counter
    counter += 1
    return {"count": counter, "pid": os.getpid()}


def fail(query):
    raise ValueError("the reason")


def spin(query):
    while True:
        pass


def block(query):
    """Blocks in C, holding the interpreter: no exception gets in."""
    sum(itertools.repeat(0))


def swallow(query):
    while True:
        try:
            time.sleep(1e6)
        except BaseException:
            pass


def fork(query):
    if os.fork() == 0:
        return "the child"
    return "the parent"


kept = []


def leak(query):
    while True:
        kept.append(b"x" * 1_000_000)


def litter(query):
    """Start programs that go on, and leave them alone."""
    return [subprocess.Popen(["sleep", "1000"]).pid for _ in range(3)]


def chatter(query):
    line = "x" * 1000
    for _ in range(20_000):
        print(line)
    return "said"


def meet(query):
    """Wait until the other party has come, too: only calls that run side by side meet."""
    folder, me, other = query["folder"], query["me"], query["other"]
    open(os.path.join(folder, me), "w").close()
    while not os.path.exists(os.path.join(folder, other)):
        time.sleep(0.005)
    return "met"


def endless(query):
    while True:
        yield b"x" * 65536


def broken(query):
    yield "one"
    raise ValueError("the reason")


def stuck(query):
    yield "one"
    time.sleep(1e6)


def mark_and_nap(query):
    try:
        open(query["file"], "w").close()
        time.sleep(float(query["seconds"]))
    finally:
        open(query["file"] + ".unwound", "w").close()
    return "awake"


ACTS = {
    "count": count,
    "fail": fail,
    "spin": spin,
    "sleep": lambda query: time.sleep(float(query.get("seconds", "1e6"))),
    "block": block,
    "swallow": swallow,
    "exit": lambda query: sys.exit(7),
    "die": lambda query: os._exit(7),
    "crash": lambda query: os.kill(os.getpid(), signal.SIGSEGV),
    "fork": fork,
    "leak": leak,
    "litter": litter,
    "chatter": chatter,
    "meet": meet,
    "endless": endless,
    "broken": broken,
    "stuck": stuck,
    "nap": mark_and_nap,
}


async def act_async(event, context):
    query = event["extensions"]["request"].query
    what = query["do"]
    if what == "hang":
        await asyncio.Event().wait()
    if what == "swallow":
        while True:
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                pass
    if what == "sleep":
        await asyncio.sleep(float(query["seconds"]))
        return "slept"
    return ACTS[what](query)


async def parts_async(event, context):
    yield "one "
    await asyncio.sleep(0)
    yield b"two"
