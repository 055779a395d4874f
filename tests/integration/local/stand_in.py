"""A runtime server that misbehaves as its function's file says: a stand-in for broken ones.

The file is read as words: `never-ready`, `sick` (alive, but /healthz fails), `stubborn` (SIGTERM is
ignored). Standard library only, like the servers it stands in for.
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORDS = Path(os.environ["KUBELESS_INSTALL_VOLUME"], os.environ["MOD_NAME"] + ".py").read_text()


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        failing = {"/readyz": "never-ready", "/healthz": "sick"}.get(self.path, "nothing")
        self.send_response(503 if failing in WORDS else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Healthy probes are not worth a line."""


def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in WORDS else lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    port_file = os.environ["FUNC_PORT_FILE"]
    Path(port_file + ".new").write_text(str(server.server_port))
    os.replace(port_file + ".new", port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
