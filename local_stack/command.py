"""The common part of all commands of the Makefile: reading words, printing, and the exit code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

import httpx
from rich.console import Console

from local_stack.airflow_api import ApiError
from local_stack.options import UsageError
from local_stack.stack import StackError
from run_contract.errors import BatchPredictionsError

console = Console(soft_wrap=True)


def say(text: str) -> None:
    console.print(text, highlight=False, markup=False)


def read_words(words: list[str], names: Iterable[str]) -> dict[str, str]:
    """Return words NAME=VALUE as a mapping. Raises UsageError for a name that is not one of `names`."""
    values = dict(word.partition("=")[::2] for word in words)
    if unknown := sorted(set(values) - set(names)):
        raise UsageError(f"{unknown[0]}: no such option; the options are {', '.join(names)}")
    return values


def with_value(word: str) -> str:
    """Return NAME=VALUE. A bare NAME gets its value from the environment, where make puts it."""
    return word if "=" in word else f"{word}={os.environ.get(word, '')}"


def run_command(
    words: list[str],
    work: Callable[[list[str]], int],
    *problems: type[Exception],
    interrupted: str = "interrupted",
) -> int:
    """Call `work` with the words, each with its value, and return the exit code.

    An expected error, among them those of `problems`, is printed as one line. interrupted: the line after Ctrl-C.
    """
    signal.signal(signal.SIGTERM, interrupt)
    explained: tuple[type[Exception], ...] = (ApiError, BatchPredictionsError, StackError, *problems)
    try:
        return work([with_value(word) for word in words])
    except UsageError as error:
        say(f"error: {error}")
        return 2
    except explained as error:
        say(f"error: {error}")
        return 1
    except httpx.HTTPError as error:
        say(f"error: Airflow's API does not answer ({error}); try again, or see the logs in .stack/ of the workspace")
        return 1
    except KeyboardInterrupt:
        say(interrupted)
        return 130


def interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
