"""The `tidegate` command. Importing this package costs nothing; each verb loads what it needs."""

from __future__ import annotations

import sys

from tidegate import __version__


def main() -> int:
    """Run the command line and return its exit code (see `tidegate.cli.errors.ExitCode`)."""
    if sys.argv[1:] in (["version"], ["--version"]):  # before anything heavy is imported
        sys.stdout.write(f"tidegate {__version__}\n")
        return 0
    from tidegate.cli.verbs import run

    return run()
