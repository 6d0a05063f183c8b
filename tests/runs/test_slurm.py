"""A real Slurm on this machine (packages slurm-wlm and munge, as root), in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runs.conftest import wait_for
from xviz.errors import InputError
from xviz.runs.curves import read_curve
from xviz.runs.launch import cancel, launch, resume
from xviz.runs.listing import list_runs, runs_of_sweep
from xviz.runs.record import Run, carry_out, create_run
from xviz.runs.resources import Resources
from xviz.runs.slurm import job_script
from xviz.runs.standing import standing
from xviz.runs.steps import to_json
from xviz.runs.sweeps import create_sweep, sweep_tables
from xviz.store import Store

CONFIGURATION = """
ClusterName=xviz
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MinJobAge=3600
SlurmctldTimeout=10
KillWait=5
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")
heavy = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.name != "posix" or os.geteuid() != 0 or not all(shutil.which(name) for name in NEEDED),
        reason="no root, or no Slurm (apt-get install slurm-wlm munge)",
    ),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A controller, a node and an authentication of their own; its folder."""
    folder = tmp_path_factory.mktemp("slurm")
    for part in ("state", "spool", "munge"):
        (folder / part).mkdir()
    configuration = folder / "slurm.conf"
    cpus = os.cpu_count() or 1
    configuration.write_text(CONFIGURATION.format(folder=folder, ports=_free_ports(2), cpus=cpus))
    for above in (folder, *folder.parents[:-1]):  # munged and the node's users must reach it
        if above.owner() == "root" and str(above).startswith(str(tmp_path_factory.getbasetemp().parent)):
            above.chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    munged = ["munged", "--foreground", "--force", f"--key-file={key}"]
    munged += [f"--socket={folder}/munge/socket", f"--pid-file={folder}/munge/pid"]
    munged += [f"--log-file={folder}/munge/log", f"--seed-file={folder}/munge/seed"]
    environment = os.environ | {"SLURM_CONF": str(configuration)}
    processes = []
    before = os.environ.get("SLURM_CONF")
    try:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D", "-N", "localhost"]):
            log = (folder / f"{command[0]}.log").open("wb")
            processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            )
            time.sleep(1)
        os.environ["SLURM_CONF"] = str(configuration)
        _wait_until(lambda: "idle" in _say("sinfo", "--noheader", "--format=%T"), folder)
        yield folder
    finally:
        _say("scancel", "--user=root")
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
        if before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = before


@pytest.fixture
def node(slurm: Path) -> Iterator[Path]:
    """The cluster with its node up and nothing on it."""
    yield slurm
    _say("scancel", "--user=root")
    _say("scontrol", "update", "NodeName=localhost", "State=RESUME")
    _wait_until(lambda: not _say("squeue", "--noheader").strip(), slurm)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _say(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait_until(true: Callable[[], bool], folder: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        logs = "\n".join(log.read_text()[-1500:] for log in folder.glob("*.log"))
        assert time.monotonic() < until, logs
        time.sleep(0.5)


def sent(*specs, **resources) -> Run:
    run = create_run(specs, title="On Slurm")
    launch([run], "slurm", resources=Resources(cpus=1, **resources))
    return run


class TestOnSlurm:
    pytestmark = heavy

    def test_a_run_goes_through(self, toys, node) -> None:
        spec = toys.Slow(steps=5)
        run = sent(spec)
        job = run.launch["job"]
        assert standing(run).state in ("queued", "running")
        now = wait_for(run, "succeeded")
        assert now.known["process"]["pid"] != os.getpid()
        assert Store().find(spec) is not None
        _wait_until(lambda: "JobState=COMPLETED" in _say("scontrol", "show", "job", job), node)
        script = (run.folder / "job.sbatch").read_text()
        assert "#SBATCH --requeue" in script
        assert [each.listed.where for each in list_runs()] == ["slurm"]

    def test_a_sweep_is_one_array(self, toys, node) -> None:
        runs = create_sweep([to_json(toys.Slow())], {"seed": [0, 1, 2]}, title="Seeds")
        launch(runs, "slurm", resources=Resources(cpus=1, at_once=2))
        jobs = [run.launch["job"] for run in runs]
        assert len({job.split("_")[0] for job in jobs}) == 1
        assert [job.split("_")[1] for job in jobs] == ["0", "1", "2"]
        for run in runs:
            wait_for(run, "succeeded")
        table = sweep_tables(runs_of_sweep(runs[0].spec["sweep"]))["slow/table"]
        assert table["seed"].tolist() == [0, 1, 2]

    def test_cancelled_while_it_waits_while_it_works_and_outside(self, toys, node) -> None:
        _say("scontrol", "update", "NodeName=localhost", "State=DRAIN", "Reason=test")
        waiting = sent(toys.Slow(steps=3))
        now = wait_for(waiting, "queued", also=lambda now: "waits in Slurm" in now.reason)
        cancel(waiting)
        assert wait_for(waiting, "cancelled").reason == "Cancelled while it was queued."
        assert "CANCELLED" in _say("scontrol", "show", "job", waiting.launch["job"])
        _say("scontrol", "update", "NodeName=localhost", "State=RESUME")

        working = sent(toys.Slow(steps=600, seconds=0.1))
        wait_for(working, "running", also=lambda now: (now.share or 0) > 0)
        cancel(working)
        assert wait_for(working, "cancelled").reason.startswith("Stopped at")

        outside = sent(toys.Slow(steps=601, seconds=0.1))
        wait_for(outside, "running", also=lambda now: (now.share or 0) > 0)
        _say("scancel", outside.launch["job"])
        now = wait_for(outside, "cancelled")
        assert "outside of xviz" in now.reason

        spec = toys.Slow(steps=602, seconds=0.001)
        again = sent(spec)
        wait_for(again, "succeeded")
        with pytest.raises(InputError, match="has finished"):
            resume(again)

    def test_at_its_time_limit_it_goes_back_into_the_queue_and_on_from_its_checkpoint(
        self, toys, node
    ) -> None:
        spec = toys.Trained(steps=260, pause=0.5)
        run = sent(spec, time="3", warning=60)  # signalled after 60 to 120 s
        seen = set()

        def watched(now) -> bool:
            seen.add(now.state)
            return True

        now = wait_for(run, "succeeded", seconds=600, also=watched)
        assert now.known["attempt"] >= 2
        assert "Resumed from step" in (run.folder / "log.txt").read_text()
        assert "lost" not in seen
        whole = create_run([toys.Trained(steps=260)], title="Uninterrupted")
        (entry,) = carry_out(whole, store=Store(whole.folder / "its own store"))
        resumed = Store().find(spec)
        assert resumed is not None
        assert resumed.file("weights.json").read_text() == entry.file("weights.json").read_text()
        curves = [read_curve(each.folder).query("name == 'loss'") for each in (whole, run)]
        assert curves[0]["value"].tolist() == curves[1]["value"].tolist()

    def test_a_node_that_goes_down_gives_the_run_back_to_the_queue(self, toys, node) -> None:
        run = sent(toys.Slow(steps=40, seconds=0.25))
        wait_for(run, "running", also=lambda now: (now.share or 0) > 0)
        _say("scontrol", "update", "NodeName=localhost", "State=DOWN", "Reason=test")
        now = wait_for(run, "queued", also=lambda now: "waits in Slurm" in now.reason)
        _say("scontrol", "update", "NodeName=localhost", "State=RESUME")
        now = wait_for(run, "succeeded", seconds=180)
        assert now.known["attempt"] == 2

    def test_a_job_that_slurm_does_not_take_is_told(self, toys, node) -> None:
        run = create_run([toys.Slow()], title="t")
        with pytest.raises(InputError, match="Slurm refuses"):
            launch([run], "slurm", resources=Resources(partition="nowhere"))
        assert standing(run).state == "failed"
        assert "invalid partition" in standing(run).reason


def test_without_slurm_it_is_told(toys, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    run = create_run([toys.Slow()], title="t")
    with pytest.raises(InputError, match="no Slurm on this machine"):
        launch([run], "slurm")
    assert standing(run).state == "failed"


def test_the_script_says_what_is_asked_for(toys) -> None:
    run = create_run([toys.Slow()], title="A title\n#SBATCH --account=stolen")
    asked = Resources(partition="gpu", time="4:00:00", gpus=4, nodes=2, cpus=16, memory="64G")
    text = job_script([run], asked, title=run.title, folder=run.folder)
    lines = text.splitlines()
    for line in ("--partition=gpu", "--time=4:00:00", "--gpus-per-node=4", "--nodes=2", "--mem=64G"):
        assert f"#SBATCH {line}" in lines
    assert "#SBATCH --account=stolen" not in lines, "a title is no option"
    assert "--num_processes=8" in text
    assert "--num_machines=2" in text
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    several = job_script([run, run], Resources(at_once=1), title="Two", folder=run.folder)
    assert "#SBATCH --array=0-1%1" in several
