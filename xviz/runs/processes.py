"""Which process carries a run out, and whether it still lives.

A number alone does not name a process: numbers are used again, soon on a busy machine and at once after a
restart. So its birth is kept beside it: on Linux the id of the boot and the clock ticks since then (from
``/proc``), which no change of the wall clock moves; elsewhere the time of creation that psutil tells.
"""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProcessName:
    """A process that can't be mistaken for another."""

    pid: int
    birth: str
    host: str

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessName:
        """Of a process of this machine (default: this one)."""
        pid = os.getpid() if pid is None else pid
        return cls(pid, birth(pid) or "", host())

    @classmethod
    def read(cls, data: Any) -> ProcessName | None:
        """What :meth:`to_json` wrote, or None where the data say nothing of the kind."""
        try:
            return cls(int(data["pid"]), str(data["birth"]), str(data["host"]))
        except (KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def here(self) -> bool:
        """Whether it ran on this machine, so that :meth:`alive` can be asked."""
        return self.host == host()

    def alive(self) -> bool:
        """Whether this very process (not another with its number) is running on this machine."""
        return bool(self.birth) and birth(self.pid) == self.birth


def birth(pid: int) -> str | None:
    """What tells the process from every other that has or had its number; None where there is none."""
    if pid <= 0:
        return None
    if not Path("/proc/self/stat").exists():
        return _birth_by_psutil(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name of the program may hold spaces and parentheses
    if fields[0] in ("Z", "X"):  # ended, and only its parent has not noticed
        return None
    return f"{_boot()}/{fields[19]}"


@functools.cache
def host() -> str:
    return socket.gethostname()


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()[:8]
    except OSError:
        return "boot"


def _birth_by_psutil(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.Error:
        return None
