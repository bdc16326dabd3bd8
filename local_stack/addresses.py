"""The addresses of a stack, all on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from local_stack.ports import LOOPBACK, Ports
from run_contract.record import Record


@dataclass(frozen=True)
class Addresses(Record):
    """The ports of a stack; state.json while make up keeps it running. workers: the web page of each Spark worker."""

    written_by: ClassVar[str] = "make up"

    airflow: int
    master: int
    master_web: int
    workers: tuple[int, ...]

    @property
    def airflow_url(self) -> str:
        return f"http://{LOOPBACK}:{self.airflow}"

    @property
    def master_url(self) -> str:
        return f"spark://{LOOPBACK}:{self.master}"

    @property
    def master_web_url(self) -> str:
        return f"http://{LOOPBACK}:{self.master_web}"


def default_addresses(ports: Ports, workers: int) -> Addresses:
    """Return the usual ports, and free ones for those that are taken; `ports` has a note of each."""
    return Addresses(
        airflow=ports.take(8088, "Airflow web UI"),
        master=ports.take(7077, "Spark master"),
        master_web=ports.take(8080, "Spark master's web page"),
        workers=tuple(ports.take(8081 + index, f"web page of Spark worker {index + 1}") for index in range(workers)),
    )


def free_addresses(workers: int) -> Addresses:
    """Return free ports that the system chooses, for a cluster whose pages nobody visits."""
    ports = Ports()
    airflow, master, master_web, *pages = (ports.take_any() for _ in range(3 + workers))
    return Addresses(airflow, master, master_web, tuple(pages))
