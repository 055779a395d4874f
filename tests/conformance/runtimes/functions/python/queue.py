"""A file named like a module of the standard library."""

import concurrent.futures


def handler(event, context):
    return concurrent.futures.ThreadPoolExecutor(1).submit(str, 1).result()
