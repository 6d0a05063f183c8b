"""The process in which a dashboard lays out its maps.

UMAP compiles for some ten seconds in every process, and numba's threads can abort a server on concurrent
calls; so one process, started with the server, makes all maps, one at a time. It is spoken to in lines of
JSON over its standard streams, nothing is pickled, and results go to the store. The newest request comes
first: a reader who moves the layer slider wants the layer where it stops. The process ends when its input
closes, so it can't outlive the server, however that ends; it is started again when it died.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal

from xviz.errors import XvizError
from xviz.journal import Journal
from xviz.projection.spec import LanguageMixingSpec, MapQualitySpec, MapSpec
from xviz.store import Store

State = Literal["unknown", "waiting", "running", "done", "failed"]
MOST_DEATHS = 2
DIED = "The worker that lays out maps ended twice over this map (out of memory?); choose fewer words."
IDLE = 1.0
"""Seconds without a request after which UMAP is compiled in advance."""
Wanted = MapSpec | MapQualitySpec | LanguageMixingSpec
KINDS: dict[str, type[Wanted]] = {spec.kind: spec for spec in (MapSpec, MapQualitySpec, LanguageMixingSpec)}


@dataclass(frozen=True)
class Status:
    """Where a request stands; ``message`` is the present stage, or why it failed."""

    state: State
    message: str = ""
    done: float = 0.0
    total: float = 0.0

    @property
    def pending(self) -> bool:
        return self.state in ("waiting", "running")


UNKNOWN = Status("unknown")


class MapWorker:
    """The client's side: start it once a server, ask with :meth:`request`, look with :meth:`status`."""

    def __init__(self, store: Store, *, warm: bool = True):
        self._store = store
        self._warm = warm
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._states: dict[tuple[str, str], Status] = {}
        self._deaths: dict[tuple[str, str], int] = {}
        self._start()

    @property
    def pid(self) -> int | None:
        """Of the process, None where it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def request(self, spec: Wanted, *, again: bool = False) -> Status:
        """Ask for a map (or its quality), as often as one likes.

        What is under way goes on, what failed stays failed unless it is asked for ``again``, and what was
        lost with a process that died is started once more.
        """
        name = (spec.kind, spec.key)
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            known = self._states.get(name, UNKNOWN)
            if known.pending or (known.state == "failed" and not again):
                return known
            self._states[name] = Status("waiting", "Waiting for the worker")
            self._send({"kind": spec.kind, "key": spec.key, "spec": spec.model_dump(mode="json")})
            return self._states[name]

    def status(self, spec: Wanted) -> Status:
        """Where ``spec`` stands; ``done`` means that the store has it."""
        with self._lock:
            return self._states.get((spec.kind, spec.key), UNKNOWN)

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None and process.poll() is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self) -> None:
        self._bury()
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}  # the server computes beside it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "xviz.projection.worker_process", str(self._store.root)]
            + ["--warm"] * self._warm,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has just died: `_listen` says so, and the next request starts another

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            name = (said["kind"], said["key"])
            with self._lock:
                self._states[name] = Status(said["state"], said["message"], said["done"], said["total"])
        with self._lock:
            if self._process is process:  # else the next one was started, and this one buried, already
                self._bury()

    def _bury(self) -> None:
        """What was lost with a process can be asked for again, but not what two processes died of."""
        for name, status in self._states.items():
            if status.state == "running":
                self._deaths[name] = self._deaths.get(name, 0) + 1
            if status.pending:
                too_often = self._deaths.get(name, 0) >= MOST_DEATHS
                self._states[name] = Status("failed", DIED) if too_often else UNKNOWN


class Reporter(Journal):
    """The worker's journal: every stage and every step of progress is a line to the server."""

    def __init__(self, stream: IO[str], kind: str, key: str):
        self._stream, self._kind, self._key = stream, kind, key
        self._stage = ""

    def say(self, state: State, message: str, done: float = 0.0, total: float = 0.0) -> None:
        line = {"kind": self._kind, "key": self._key, "state": state, "message": message}
        self._stream.write(json.dumps(line | {"done": done, "total": total}) + "\n")
        self._stream.flush()

    def stage(self, name: str) -> None:
        self._stage = name
        self.say("running", name)

    def progress(self, done: float, total: float, *, unit: str = "") -> None:
        self.say("running", self._stage, done, total)


def serve(requests: IO[str], answers: IO[str], store: Store, *, warm: bool) -> None:
    """The worker's side: answer requests until the input closes."""
    waiting: list[dict[str, Any]] = []
    arrived = threading.Condition()

    def read() -> None:
        for line in requests:
            with arrived:
                waiting.append(json.loads(line))
                arrived.notify()
        os._exit(0)  # the server is gone: don't finish a map that nobody waits for

    threading.Thread(target=read, daemon=True).start()
    while True:
        with arrived:
            asked = waiting.pop() if arrived.wait_for(lambda: bool(waiting), IDLE if warm else None) else None
        if asked is None:  # nobody waits: compile now what the first UMAP will need
            from xviz.projection.umap_layout import warm_up

            warm_up()
            warm = False
            continue
        _answer(asked, Reporter(answers, asked["kind"], asked["key"]), store)


def _answer(asked: dict[str, Any], reporter: Reporter, store: Store) -> None:
    from xviz.projection.steps import compute_maps, compute_mixings, compute_qualities

    reporter.say("running", "Reading the vectors")
    try:
        spec = KINDS[asked["kind"]].model_validate(asked["spec"])
        if isinstance(spec, MapQualitySpec):
            compute_qualities([spec], store=store, journal=reporter)
        elif isinstance(spec, LanguageMixingSpec):
            compute_mixings([spec], store=store, journal=reporter)
        else:
            compute_maps([spec], store=store, journal=reporter)
    except XvizError as error:
        reporter.say("failed", str(error))
    except MemoryError:
        reporter.say("failed", "There was not enough memory for this map; choose fewer words.")
    except Exception as error:
        import traceback

        traceback.print_exc()  # to the server's terminal
        reporter.say("failed", f"The map could not be laid out ({type(error).__name__}: {error}).")
    else:
        reporter.say("done", "")
