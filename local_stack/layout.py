"""Where a stack keeps its own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The files of one stack, in the directory .stack of its workspace."""

    workspace: Path

    @property
    def root(self) -> Path:
        return self.workspace / ".stack"

    @property
    def mark(self) -> str:
        """The value by which the stack's processes are found; each has it in its environment."""
        return str(self.root)

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def state(self) -> Path:
        """The addresses of a stack that make up has started; see Addresses."""
        return self.root / "state.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def passwords(self) -> Path:
        """The file in which Airflow looks for its users' passwords."""
        return self.root / "passwords.json"

    @property
    def airflow_home(self) -> Path:
        return self.root / "airflow"

    @property
    def spark_properties(self) -> Path:
        return self.root / "spark-defaults.conf"

    @property
    def spark_work(self) -> Path:
        """The logs of executors, until the stack ends."""
        return self.root / "spark-work"

    @property
    def scratch(self) -> Path:
        """Temporary files, until the stack ends."""
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def java(self) -> Path:
        return self.root / "java"
