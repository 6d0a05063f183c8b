"""``python -m xviz.projection.worker_process STORE [--warm]``: see :mod:`xviz.projection.worker`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from xviz.projection.worker import serve
from xviz.store import Store

if __name__ == "__main__":
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    if hasattr(os, "nice"):
        os.nice(5)  # the page that waits for the map must still answer
    serve(sys.stdin, answers, Store(Path(sys.argv[1])), warm="--warm" in sys.argv[2:])
