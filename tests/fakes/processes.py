"""What is done to processes of servers beside starting and ending them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


def freeze(pid: int) -> None:
    """Stop a child of ours without ending it; when this returns it does nothing more.

    On a busy machine a process may work on for a while before it takes notice of the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    with suppress(ChildProcessError):  # it has ended, and somebody has taken notice
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
