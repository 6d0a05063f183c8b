"""What long work talks to: progress, metrics, a checkpoint, "shall I stop?".

Every function that takes more than a moment takes a ``journal`` and speaks to it. The default,
:data:`SILENT`, does nothing, so the same function serves a notebook, a page, the command line and a run:
a page draws a bar, the command line a line on stderr, a run writes its folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class Journal:
    """The silent journal, and the contract of every other.

    ``checkpoints`` is the folder in which the work may keep what it needs to resume, or None where
    nothing can be resumed (a page that computes on the spot).
    """

    checkpoints: Path | None = None

    def stage(self, name: str) -> None:
        """Name what is being done now ("Extracting German-PUD")."""

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        """Say that ``done`` of ``total`` units of the current stage are done."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record measurements at ``step`` (a curve: loss, accuracy, tokens a second)."""

    def log(self, message: str) -> None:
        """Record a sentence that a reader of the log will want (a skipped sentence, a halved batch)."""

    def stop_requested(self) -> bool:
        """True once the user asked to stop; the work then saves a checkpoint and raises ``Cancelled``."""
        return False


SILENT = Journal()
