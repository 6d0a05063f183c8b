"""``make bench``: one table of ratios measured in one run, printed and written as JSON.

Every row compares two things measured in turn (A B A B ...) on this machine, and gives the median of each
and their ratio. Absolute figures belong to the machine; the ratios are what a change may not spoil.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("XVIZ_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
SUITES = ("extraction", "alignability")


def machine() -> dict[str, object]:
    import torch

    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", default=SUITES, help=f"of {', '.join(SUITES)}")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of real treebanks (with ud/)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "cache" / "bench.json")
    arguments = parser.parse_args()
    if not (arguments.data / "ud").is_dir():
        sys.exit(
            f"The benchmarks read real treebanks, and {arguments.data}/ud is absent (set XVIZ_TEST_DATA)."
        )

    started, rows = time.monotonic(), []
    for name in arguments.suites:
        print(f"Measuring {name} ...", file=sys.stderr)
        rows += importlib.import_module(f"benchmarks.{name}").rows(arguments.data)

    print(f"{'':44} {'value':>11} {'baseline':>11} {'ratio':>8}  wanted")
    for row in rows:
        figures = f"{number(row.value):>11} {number(row.baseline):>11} {number(row.ratio):>8}"
        print(f"{row.name:44} {figures}  {row.wanted}")
        print(f"    {row.what}; {row.unit}, n = {row.n}; baseline: {row.baseline_name}. {row.note}")
    report = {
        "machine": machine(),
        "seconds": round(time.monotonic() - started),
        "rows": [asdict(r) for r in rows],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written to {arguments.out}")


if __name__ == "__main__":
    main()
