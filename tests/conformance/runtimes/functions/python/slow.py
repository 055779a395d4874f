"""A file that is not loaded before it is told."""

import os
import time

while not os.path.exists(os.environ["LOAD_WHEN"]):
    time.sleep(0.01)


def echo(event, context):
    return "hi"
