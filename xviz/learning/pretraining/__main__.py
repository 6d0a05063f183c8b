"""``python -m xviz.learning.pretraining``: the recipe, with its curve on stderr. SIGTERM saves and stops."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from xviz.errors import Cancelled, XvizError
from xviz.journal import Journal
from xviz.learning.pretraining.spec import preset


class Lines(Journal):
    """A journal of lines on stderr."""

    stopping = False

    def stage(self, name: str) -> None:
        self.log(name)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self.log(f"step {step:7d}  " + "  ".join(f"{name} {value:.5g}" for name, value in values.items()))

    def log(self, message: str) -> None:
        print(time.strftime("%H:%M:%S"), message, file=sys.stderr, flush=True)

    def stop_requested(self) -> bool:
        return self.stopping


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m xviz.learning.pretraining", description=__doc__)
    parser.add_argument("--text", required=True, help="folder of <language>.txt")
    parser.add_argument("--pairs", help="folder of translations (encoders)")
    parser.add_argument("--start", help="model folder to go on from")
    parser.add_argument("--family", required=True, choices=["encoder", "decoder"])
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocabulary", type=int)
    for part in ("network", "batches", "training"):
        parser.add_argument(f"--{part}", type=json.loads, help="fields that replace the preset's, as JSON")
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    journal = Lines()

    def stop(*_: object) -> None:
        journal.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        spec = preset(given.pop("preset"), **given)
        from xviz.learning.pretraining.recipe import pretrain  # torch, after the arguments were understood

        pretrain(spec, out, journal)
    except Cancelled as stopped:
        journal.log(str(stopped))
        return 1
    except XvizError as error:
        journal.log(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
