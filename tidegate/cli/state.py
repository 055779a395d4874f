"""The state folder: one running process, and where others find it."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tidegate.cli.errors import CommandError, ExitCode


@dataclass(frozen=True, slots=True)
class Contact:
    """How the control API of a running `up` is reached. The token is as good as a login."""

    pid: int
    admin: str
    front: str
    nats: str
    token: str


class StateDir:
    """A folder that belongs to at most one running process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._lock = -1

    @property
    def contact_file(self) -> Path:
        """Where the running process says how to reach it."""
        return self.folder / "up.json"

    def acquire(self) -> None:
        """Make the folder ours, creating it. Raises `CommandError` that names who has it."""
        try:
            self._create()
            self._lock = os.open(self.folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CommandError(
                f"the state folder {self.folder} cannot be used: {error.strerror}; "
                "choose another one with --state"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            self._close()
            raise CommandError(
                f"process {pid or '(unknown)'} is running with the state folder {self.folder}; "
                "stop it, or choose another folder with --state"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self.contact_file.unlink(missing_ok=True)  # of a process that was killed

    def release(self) -> None:
        """Let another process have the folder. The lock file stays: removing it would race."""
        self.contact_file.unlink(missing_ok=True)
        self._close()

    def publish(self, contact: Contact) -> None:
        """Tell others of this user how to reach us."""
        descriptor, name = tempfile.mkstemp(dir=self.folder)  # made with mode 0600
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(contact), file)
        os.replace(name, self.contact_file)

    def contact(self) -> Contact:
        """Return how to reach the running process. Raises `CommandError` when none runs."""
        try:
            return Contact(**json.loads(self.contact_file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise not_running(self.folder) from error

    def _create(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, mode=0o700)
            (self.folder / ".gitignore").write_text("*\n")

    def _close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def not_running(folder: Path) -> CommandError:
    """Return the error for verbs that need a running `up`."""
    return CommandError(
        f"no `tidegate up` is running with the state folder {folder}; start it with: tidegate up, "
        "or name the folder of the one that runs with --state",
        ExitCode.UNREACHABLE,
    )
