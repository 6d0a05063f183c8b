"""What a run asks of a machine or a cluster."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xviz.errors import InputError

Place = Literal["here", "local", "slurm"]
PLACES = ("here", "local", "slurm")


class Resources(BaseModel):
    """All optional: what is left out is the cluster's default.

    ``gpus`` counts those of one node; with more than one process in all (``nodes`` x ``gpus``, or
    ``processes`` on a CPU) the run is started by ``accelerate launch``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | None = Field(default=None, pattern=r"^(\d+-)?\d+(:\d+){0,2}$")
    """As Slurm writes it: minutes, hours:minutes:seconds, days-hours."""
    gpus: int = Field(default=0, ge=0)
    nodes: int = Field(default=1, ge=1)
    processes: int = Field(default=1, ge=1)
    """On a CPU; with GPUs there is one a GPU."""
    cpus: int | None = Field(default=None, ge=1)
    """CPU cores for each node's task."""
    memory: str | None = Field(default=None, pattern=r"^\d+[KMGT]?$")
    constraint: str | None = None
    at_once: int | None = Field(default=None, ge=1)
    """At most so many runs of a sweep at the same time."""
    warning: int = Field(default=120, ge=10)
    """Seconds before the time limit at which the run is told to save and go back into the queue."""

    @property
    def processes_a_node(self) -> int:
        return max(self.gpus, self.processes)


def read_where(text: str) -> tuple[Place, Resources]:
    """``slurm:partition=gpu,time=4:00:00,gpus=2`` as a place and what is asked of it.

    Raises:
        InputError: no such place, a setting that there is not, or a value that does not fit.
    """
    place, _, rest = text.partition(":")
    if place not in PLACES:
        raise InputError(f"--where is one of {', '.join(PLACES)}, not {place!r}.")
    given = {}
    for setting in filter(None, (part.strip() for part in rest.split(","))):
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not equals or name not in Resources.model_fields:
            names = ", ".join(Resources.model_fields)
            raise InputError(f"--where {place}: takes name=value of {names}; not {setting!r}.")
        given[name] = value
    if given and place == "here":
        raise InputError("--where here takes no resources: the work is done in this process.")
    try:
        return cast(Place, place), Resources.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InputError(f"--where {place}: {name}={given[name]} does not fit: {first['msg']}.") from error
