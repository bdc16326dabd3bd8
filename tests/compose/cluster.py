"""The cluster of docker-compose.yaml under a project name, a tag and ports of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from local_stack.airflow_api import AirflowApi
from local_stack.ports import LOOPBACK, Ports, is_free

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
# Other ports than those of .env, which stacks of other tests use at the same time.
PORTS = {
    "AIRFLOW_PORT": 18088,
    "JUPYTER_PORT": 18889,
    "SPARK_APPLICATION_PORT": 14040,
    "SPARK_MASTER_PORT": 17077,
    "SPARK_MASTER_WEB_PORT": 18080,
}
WORKER_PORTS = 18100  # and up
WORKERS = 3  # the most that a test asks for


def engine_answers() -> bool:
    return bool(shutil.which("docker")) and not subprocess.run(["docker", "info"], capture_output=True).returncode


def compose_command() -> list[str]:
    """docker compose where there is the plugin, else docker-compose; empty where there is neither."""
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def docker(*words: str, seconds: float = 300) -> str:
    """The output of a command, which must succeed."""
    finished = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=seconds)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def wait_for(what: str, look: Callable[[], T | None], seconds: float) -> T:
    """What `look` finds in the end. An error of HTTP, JSON or a look-up counts as nothing found."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
        except (httpx.HTTPError, ValueError, LookupError):
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)  # a poll: the deadline is above


@dataclass
class Cluster:
    """name: of the project, and the tag of its images. pictures: the directory that containers have as /pictures."""

    name: str
    pictures: Path
    postgres: str
    environment: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        ports = Ports()
        chosen = {name: ports.take(wanted, name) for name, wanted in PORTS.items()}
        first = _free_range(WORKERS)
        self.environment = {
            "TAG": self.name,
            "BASE_IMAGE": "debian:bookworm-slim",
            "POSTGRES_IMAGE": self.postgres,
            "PICTURES": str(self.pictures),
            # In the future, so that only the runs which are asked for are run.
            "BATCH_PREDICTIONS_START_DATE": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}",
            "SPARK_WORKER_WEB_PORTS": f"{first}-{first + WORKERS - 1}",
            **{name: str(port) for name, port in chosen.items()},
        }

    def compose(self, *words: str, seconds: float = 300) -> str:
        finished = subprocess.run(
            [*compose_command(), "--project-name", self.name, *words],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
        return finished.stdout

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Records the duration of the block."""
        began = time.monotonic()
        yield
        self.steps.append(f"{what} {time.monotonic() - began:.0f} s")

    def url(self, port: str) -> str:
        return f"http://{LOOPBACK}:{self.environment[port]}"

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """The output of docker inspect for the containers of a service, or of all services, running or not."""
        wanted = [f"label=com.docker.compose.project={self.name}"]
        wanted += [f"label=com.docker.compose.service={service}"] if service else []
        filters = [word for one in wanted for word in ("--filter", one)]
        ids = docker("ps", "--all", "--quiet", *filters).split()
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
        return [one for one in found if one["Config"]["Labels"].get("com.docker.compose.oneoff") != "True"]

    def not_healthy(self) -> list[str]:
        """The services that are not up yet; those that run once must have ended well."""
        waiting = []
        for one in self.containers():
            state = one["State"]
            if "Health" in state:
                fine = state["Health"]["Status"] == "healthy"
            else:
                fine = state["Status"] == "exited" and state["ExitCode"] == 0
            if not fine:
                waiting.append(one["Name"])
        return waiting

    def up(self, *words: str) -> None:
        """Returns when each service is healthy."""
        self.compose("up", "--detach", *words, seconds=600)
        deadline = time.monotonic() + 600
        while waiting := self.not_healthy():
            assert time.monotonic() < deadline, f"not healthy: {waiting}"
            time.sleep(0.5)  # a poll: the deadline is above

    def workers(self) -> list[dict[str, Any]]:
        """The workers that the Spark master lists as alive."""
        state = httpx.get(f"{self.url('SPARK_MASTER_WEB_PORT')}/json/", timeout=10).json()
        return [worker for worker in state["workers"] if worker["state"] == "ALIVE"]

    def login(self) -> tuple[str, str]:
        """Airflow's password and JupyterLab's token, from the command that the documentation gives."""
        shown = self.compose("run", "--rm", "secrets", "show")
        password, token = re.search(r"password (\S+)\)", shown), re.search(r"token=(\S+)", shown)
        assert password, shown
        assert token, shown
        return password[1], token[1]

    def api(self) -> AirflowApi:
        return AirflowApi(self.url("AIRFLOW_PORT"), "admin", self.login()[0])

    def read(self, path: str) -> str:
        """A file of the workspace."""
        return self.compose("exec", "-T", "jupyter", "cat", f"/workspace/{path}")

    def json(self, path: str) -> dict[str, Any]:
        """Raises ValueError as long as the file is not there."""
        text = self.compose("exec", "-T", "jupyter", "sh", "-c", f"cat /workspace/{path} 2>/dev/null || true")
        loaded: dict[str, Any] = json.loads(text)
        return loaded

    def remove(self) -> None:
        """Removes everything, with the images that were built."""
        self.compose("down", "--volumes", "--rmi", "local", "--remove-orphans")
        mine = ["--filter", f"reference=batch-predictions-*:{self.name}", "--format", "{{.Repository}}:{{.Tag}}"]
        for image in docker("images", *mine).split():
            docker("rmi", image)
        docker("image", "prune", "--force", "--filter", "label=batch-predictions.stage=build")


def _free_range(count: int) -> int:
    """The first of `count` consecutive free ports."""
    return next(
        first
        for first in range(WORKER_PORTS, 30000, count)
        if all(is_free(port) for port in range(first, first + count))
    )
