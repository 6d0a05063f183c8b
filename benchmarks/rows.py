"""What a benchmark says: one comparison a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison.

    ``ratio`` is value over baseline; ``wanted`` says what it should be, in words ("at least 5"); a row that
    could not be measured has no value and says why in ``note``.
    """

    name: str
    what: str
    unit: str
    value: float | None
    baseline_name: str
    baseline: float | None
    ratio: float | None
    wanted: str
    n: int
    note: str = ""
