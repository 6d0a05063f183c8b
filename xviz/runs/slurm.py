"""Runs on a Slurm cluster: a script that a person can read, and Slurm's own word on what became of it.

The run folder must lie on a disk that the nodes share. ``job.sbatch`` starts ``xviz run FOLDER``; shortly
before the time limit Slurm signals the script (USR1), which asks the run to save (by the file ``yield``) and
puts the job back into the queue; there it goes on from the newest checkpoint. A sweep is one array.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from xviz.errors import InputError, XvizError
from xviz.runs.local import accelerate_options, python_path
from xviz.runs.record import Run, runs_folder
from xviz.runs.resources import Resources
from xviz.runs.standing import SILENT, JobState
from xviz.store import home, write_atomically

ANSWER_SECONDS = 20
FRESH_SECONDS = 3.0
"""For so long an answer of Slurm is taken for the present."""

SCRIPT = """\
#!/bin/bash
# xviz: {title}
{options}

export XVIZ_HOME={home}
export PYTHONPATH={python_path}
export OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1{more}
{choose_folder}
job=${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}}}
job=${{job:-$SLURM_JOB_ID}}

# {warning} s before the time limit: ask the run to save, give it a while, go back into the queue.
leave() {{
    touch "$folder/yield"
    for _ in $(seq {patience}); do kill -0 "$work" 2>/dev/null || break; sleep 1; done
    if kill -0 "$work" 2>/dev/null || grep -q '"state": "queued"' "$folder/state.json"; then
        scontrol requeue "$job"
    fi
}}
trap leave USR1
trap 'touch "$folder/yield"' TERM   # pre-emption and scancel: Slurm itself says which

cd {place}
{start} &
work=$!
while kill -0 "$work" 2>/dev/null; do wait "$work"; done
wait "$work"
"""

YIELDED = 75
"""Exit code of a run that saved and wants to go on later (EX_TEMPFAIL)."""


def submit(runs: Sequence[Run], resources: Resources, *, title: str = "") -> list[str]:
    """Send runs to Slurm, several of them as one array; returns a job's name for each (``17`` or ``17_3``).

    Raises:
        InputError: there is no Slurm here, or it does not take the job (its words are told).
    """
    if shutil.which("sbatch") is None:
        raise InputError("There is no Slurm on this machine (no sbatch): use --where local or here.")
    if len(runs) == 1:
        folder = runs[0].folder
    else:
        folder = runs_folder() / ".arrays" / runs[0].id
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "runs.txt", "".join(f"{run.folder.resolve()}\n" for run in runs))
    script = folder / "job.sbatch"
    write_atomically(script, job_script(runs, resources, title=title or runs[0].title, folder=folder))
    answer = _tell("sbatch", "--parsable", str(script))
    job = answer.strip().split(";")[0]
    if not job.isdecimal():
        raise InputError(f"Slurm did not take the job: {answer.strip()}")
    return [job] if len(runs) == 1 else [f"{job}_{i}" for i in range(len(runs))]


def job_script(runs: Sequence[Run], resources: Resources, *, title: str, folder: Path) -> str:
    """The text of ``job.sbatch``."""
    one = len(runs) == 1
    output = runs[0].folder.resolve() / "output.txt" if one else folder.resolve() / "%a.txt"
    options: dict[str, object | None] = {
        "job-name": f"xviz-{runs[0].id}",
        "output": output,
        "open-mode": "append",
        "signal": f"B:USR1@{resources.warning}",
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "time": resources.time,
        "nodes": resources.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": resources.cpus,
        "gpus-per-node": resources.gpus or None,
        "mem": resources.memory,
        "constraint": resources.constraint,
    }
    if not one:
        options["array"] = f"0-{len(runs) - 1}" + (f"%{resources.at_once}" if resources.at_once else "")
    lines = [f"#SBATCH --{name}={_option(value)}" for name, value in options.items() if value is not None]
    if one:
        choose = f"folder={shlex.quote(str(runs[0].folder.resolve()))}"
    else:
        listed = shlex.quote(str(folder.resolve() / "runs.txt"))
        choose = f'folder=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {listed})'
    return SCRIPT.format(
        title=" ".join(title.split()),
        options="\n".join([*lines, "#SBATCH --requeue"]),
        home=shlex.quote(str(home().resolve())),
        choose_folder=choose,
        warning=resources.warning,
        patience=max(1, resources.warning - 15),
        more="" if resources.gpus else " ACCELERATE_USE_CPU=true",
        python_path=shlex.quote(python_path()),
        place=shlex.quote(str(runs[0].spec.get("cwd") or home())),
        start=_start(resources),
    )


def _start(resources: Resources) -> str:
    python = shlex.quote(sys.executable)
    if resources.processes_a_node * resources.nodes == 1:
        return f'{python} -m xviz.cli run "$folder"'
    launch = f"{python} -m accelerate.commands.launch {' '.join(accelerate_options(resources))}"
    if resources.nodes == 1:
        return f'{launch} -m xviz.cli run "$folder"'
    launch = launch.replace("--main_process_port=0", "--main_process_port=$((20000 + SLURM_JOB_ID % 20000))")
    first = 'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)\nexport folder first\n'
    several = "--machine_rank=$SLURM_NODEID --main_process_ip=$first"
    inner = launch.replace(" -m accelerate.commands.launch", f" -m accelerate.commands.launch {several}")
    return f"{first}srun --kill-on-bad-exit=1 bash -c '{inner} -m xviz.cli run \"$folder\"'"


def _option(value: object) -> str:
    text = str(value)
    return f'"{text}"' if re.search(r"\s", text) else text


def scancel(job: str) -> None:
    """End a job, whether it waits or works."""
    _tell("scancel", job)


class Queue:
    """What Slurm says of jobs: ``squeue``, else ``scontrol``, else ``sacct`` where there is accounting."""

    def __init__(self) -> None:
        self._told: dict[str, JobState] | None = {}
        self._asked_at = -float("inf")
        self._finished: dict[str, tuple[float, JobState | None]] = {}

    def ask(self, job: str) -> JobState | None:
        """The state of a job; None where Slurm does not know it, ``SILENT`` where it does not answer."""
        if time.monotonic() - self._asked_at > FRESH_SECONDS:
            self._told, self._asked_at = _squeue(), time.monotonic()
        if self._told is None:
            return JobState(SILENT)
        if job in self._told:
            return self._told[job]
        asked_at, answer = self._finished.get(job, (-float("inf"), None))
        if time.monotonic() - asked_at > FRESH_SECONDS:
            answer = _scontrol(job) or _sacct(job)
            self._finished[job] = (time.monotonic(), answer)
        return answer


def _squeue() -> dict[str, JobState] | None:
    """Every job of this user that waits or works, array members one by one; None without an answer."""
    found = {}
    try:
        told = _tell("squeue", "--noheader", "--array", "--me", "--format=%i|%T|%r")
    except XvizError:
        return None
    for line in told.splitlines():
        job, _, rest = line.partition("|")
        name, _, reason = rest.partition("|")
        found[job.strip()] = JobState(name.strip(), "" if reason.strip() == "None" else reason.strip())
    return found


def _scontrol(job: str) -> JobState | None:
    for line in _lines("scontrol", "--oneliner", "show", "job", job):
        facts = dict(part.partition("=")[::2] for part in line.split())
        if "JobState" in facts:
            reason = facts.get("Reason", "")
            return JobState(facts["JobState"], "" if reason == "None" else reason)
    return None


def _sacct(job: str) -> JobState | None:
    lines = _lines(
        "sacct", "--noheader", "--parsable2", "--allocations", "--format=State,Reason", "--jobs", job
    )
    for line in lines:
        name, _, reason = line.partition("|")
        if name:
            return JobState(name.split()[0], "" if reason == "None" else reason)  # "CANCELLED by 1000"
    return None


def _lines(*command: str) -> list[str]:
    try:
        return [line for line in _tell(*command).splitlines() if line.strip()]
    except XvizError:
        return []


def _tell(*command: str) -> str:
    """What a command of Slurm answers on stdout.

    Raises:
        InputError: it is not here, does not answer, or refuses.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except FileNotFoundError:
        raise InputError(f"There is no {command[0]} on this machine.") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"Slurm does not answer ({command[0]} took over {ANSWER_SECONDS} s).") from None
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise InputError(f"Slurm refuses ({command[0]}): {said or f'exit code {done.returncode}'}")
    return done.stdout
