"""Settings of the laptop's function controller. Durations are seconds, sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CodeSettings:
    """Bounds on the code of one function."""

    download_timeout: float = 60.0
    """For the whole of one download."""

    size_limit: int = 64 * 1024 * 1024
    """Largest code as it is fetched: a zip with a few libraries, not a data set."""

    unpacked_limit: int = 512 * 1024 * 1024
    """Largest sum of an archive's files: what stops a decompression bomb."""

    member_limit: int = 20_000
    """Most files in one archive."""


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Life of one function process."""

    start_timeout: float = 60.0
    """From start to a ready answer: an import of a large library takes tens of seconds."""

    ready_interval: float = 0.01
    """Between two looks at a process that is starting; its start takes about 100 ms."""

    probe_interval: float = 5.0
    """Between two health probes; deaths are seen at once without them."""

    probe_timeout: float = 2.0
    """For one probe."""

    probe_failures: int = 3
    """Failed probes in a row after which a process is replaced."""

    switch_grace: float = 0.2
    """From the withdrawal of an address to SIGTERM, for requests on their way to it."""

    restart_delay: float = 0.1
    """First wait before a process is started again; doubles with each failure."""

    restart_delay_max: float = 30.0
    """Longest wait."""

    healthy_after: float = 60.0
    """A process that lived so long starts over with the first wait."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is kept and passed on of the output of functions."""

    kept_lines: int = 2_000
    """Lines per function that can be looked at afterwards."""

    kept_bytes: int = 1024 * 1024
    """And their size."""

    line_limit: int = 8 * 1024
    """Longest line; the rest of it is cut off."""

    lines_per_second: int = 1_000
    """Faster output of one process is dropped and counted: nobody reads it, all pay for it."""

    bytes_per_second: int = 1024 * 1024
    """The same in size."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Everything that the local controller can be told."""

    state_dir: Path
    """Holds code, dependency environments and port files; safe to delete while nothing runs."""

    install_timeout: float = 600.0
    """For the dependencies of one function: compilers are slow."""

    concurrent_installs: int = 2
    """Installations at a time; more only compete for the same processors and disk."""

    prepare_delay: float = 2.0
    """First wait before a download or an installation is tried again; doubles each time."""

    prepare_delay_max: float = 300.0
    """Longest wait: an index that does not have a package is not asked for it all day."""

    kept_unused: float = 30 * 24 * 3600.0
    """Code and environments that nobody used for so long are removed at the next start."""

    stop_timeout: float = 20.0
    """For everything to stop; what is still there then is killed."""

    warm_servers: int = 4
    """Most servers that are loaded and wait for a function; 0 starts every one from nothing."""

    code: CodeSettings = field(default_factory=CodeSettings)
    process: ProcessSettings = field(default_factory=ProcessSettings)
    logs: LogSettings = field(default_factory=LogSettings)
