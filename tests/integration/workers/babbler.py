"""Stands where a worker stands, and reports nonsense until it is ended."""

from __future__ import annotations

import socket
import sys
import threading

from gateway.workers.messages import report_frame

if __name__ == "__main__":
    channel = socket.socket(fileno=int(sys.argv[2]))
    channel.sendall(report_frame({"serving": True, "log": []}))
    threading.Event().wait()
