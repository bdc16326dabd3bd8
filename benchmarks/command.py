"""What `make bench` and `make bench-scale` share beside what every command does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.measure import ContenderError
from local_stack.command import run_command
from local_stack.options import REPOSITORY
from run_contract.files import exclusive


class Placed(Protocol):
    @property
    def workspace(self) -> Path: ...


T = TypeVar("T", bound=Placed)


def run_benchmark(words: list[str], parse_options: Callable[[list[str]], T], work: Callable[[T], int]) -> int:
    """The exit code of `work` on the parsed words."""

    def alone(words: list[str]) -> int:
        options = parse_options(words)
        with exclusive(options.workspace / "lock"):  # two at a time would measure each other
            return work(options)

    return run_command(words, alone, ContenderError)


def places(values: dict[str, str]) -> tuple[Path, Path]:
    """OUTPUT and WORKSPACE; taken from the current directory."""
    output = Path(values.get("OUTPUT") or REPOSITORY / "benchmarks")
    workspace = Path(values.get("WORKSPACE") or REPOSITORY / "workspace" / ".bench")
    return output.expanduser().absolute(), workspace.expanduser().absolute()
