"""What `make bench` and `make bench-scale` share: their words, and how they end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console

from benchmarks.measure import ContenderError
from image_scoring.contract import BatchPredictionsError
from image_scoring.files import exclusive
from local_stack.__main__ import interrupt, with_value
from local_stack.options import REPOSITORY, UsageError
from local_stack.stack import StackError

console = Console(soft_wrap=True)


class Placed(Protocol):
    @property
    def workspace(self) -> Path: ...


T = TypeVar("T", bound=Placed)


def say(text: str) -> None:
    console.print(text, highlight=False, markup=False)


def run_command(words: list[str], parse_options: Callable[[list[str]], T], work: Callable[[T], int]) -> int:
    """The exit code of `work` on the parsed words; an error is one line."""
    signal.signal(signal.SIGTERM, interrupt)
    try:
        options = parse_options([with_value(word) for word in words])
        with exclusive(options.workspace / "lock"):  # two at a time would measure each other
            return work(options)
    except UsageError as error:
        say(f"error: {error}")
        return 2
    except (BatchPredictionsError, ContenderError, StackError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def read_words(words: list[str], names: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE words as a mapping. Raises UsageError for a name that is not one of `names`."""
    values = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(values) - set(names)):
        raise UsageError(f"{unknown[0]}: there is no such option; there are {', '.join(names)}")
    return values


def places(values: dict[str, str]) -> tuple[Path, Path]:
    """OUTPUT and WORKSPACE; taken from the current directory."""
    output = Path(values.get("OUTPUT") or REPOSITORY / "benchmarks")
    workspace = Path(values.get("WORKSPACE") or REPOSITORY / "workspace" / ".bench")
    return output.expanduser().absolute(), workspace.expanduser().absolute()
