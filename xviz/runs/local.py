"""A run as a process of its own on this machine, which outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from xviz.errors import XvizError
from xviz.runs import leases
from xviz.runs.processes import ProcessName
from xviz.runs.record import Run
from xviz.runs.resources import Resources
from xviz.store import home


def command_of(run: Run, resources: Resources) -> list[str]:
    """What is executed: the one entry point, by ``accelerate launch`` where there are several processes."""
    entry = ["-m", "xviz.cli", "run", str(run.folder)]
    if resources.processes_a_node == 1:
        return [sys.executable, *entry]
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    return [*launcher, *accelerate_options(resources), *entry]


def accelerate_options(resources: Resources) -> list[str]:
    """Every choice is stated, since a user's own accelerate configuration is not ours.

    ``--multi_gpu`` is also the way to several processes on a CPU (with ``ACCELERATE_USE_CPU``, gloo):
    ``--cpu`` asks for MPI, and without it starts one process.
    """
    count = resources.processes_a_node * resources.nodes
    threads = max(1, (resources.cpus or os.cpu_count() or 1) // resources.processes_a_node)
    return [
        "--multi_gpu",
        f"--num_processes={count}",
        f"--num_machines={resources.nodes}",
        "--mixed_precision=no",
        "--dynamo_backend=no",
        f"--num_cpu_threads_per_process={threads}",
        "--main_process_port=0",
    ]


def start(run: Run, resources: Resources) -> None:
    """Start the run in its own session; its output goes to ``output.txt``.

    Raises:
        XvizError: the process can't be started.
    """
    environment = os.environ | {
        "XVIZ_HOME": str(home().resolve()),
        "PYTHONPATH": python_path(),
        # two processes whose idle threads spin share two cores at a ninth of the speed
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
    }
    if resources.processes_a_node > 1 and not resources.gpus:
        environment["ACCELERATE_USE_CPU"] = "true"
    if resources.cpus is not None:
        environment["OMP_NUM_THREADS"] = str(resources.cpus)
    try:
        with (run.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                command_of(run, resources),
                cwd=run.spec.get("cwd") or None,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise XvizError(f"The run can't be started: {error}.", file=run.folder) from error
    name = ProcessName.of(process.pid)
    run.write("launch.json", run.launch | {"process": name.to_json()})
    leases.draw(run.id, name, root=run.folder.parent)
    _WATCHED.append(process)
    _WATCHED[:] = [each for each in _WATCHED if each.poll() is None]  # so that none stays a zombie


_WATCHED: list[subprocess.Popen] = []
"""Children of this process; only so that they don't linger as zombies."""


def python_path() -> str:
    """Finds this xviz from whatever folder a run works in."""
    checkout = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(dict.fromkeys([*filter(None, [os.environ.get("PYTHONPATH")]), checkout]))


def end(run: Run) -> bool:
    """End the run's process at once, with what it started; False where there is none on this machine."""
    known = ProcessName.read(run.launch.get("process"))
    if known is None or not known.here or not known.alive():
        return False
    try:
        os.killpg(known.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
