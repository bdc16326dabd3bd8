"""Scoring one image at a time in a child process, for what ends or hangs the interpreter."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

import pandas as pd

from run_contract.table import ERROR

if TYPE_CHECKING:
    from image_scoring.worker.image_scorer import ScoringTask

START_SECONDS = 300.0
# An image is blamed when it ended the child twice: the first time may have been somebody's kill.
TRIES = 2


@dataclass
class Child:
    process: BaseProcess
    connection: Connection

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class ImageFailed(Exception):
    """Why an image gave no answer, as its error row says it."""


class SupervisedScorer:
    """Slower than the fast path, and not to be ended by any image: that one becomes an error row."""

    def __init__(self, task: ScoringTask, image_timeout: float) -> None:
        self._task = task
        self._timeout = image_timeout
        self._child: Child | None = None
        self._counts: Counter[str] = Counter()

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        try:
            rows = [self._score_row(row) for row in zip(paths, sizes, stamps, strict=True)]
        finally:
            self._end_child()
        return pd.concat(rows, ignore_index=True)

    def take_counts(self) -> dict[str, int]:
        counts, self._counts = dict(self._counts), Counter()
        return counts

    def _score_row(self, row: tuple[Any, ...]) -> pd.DataFrame:
        for attempt in range(1, TRIES + 1):
            try:
                answer, counts = self._ask(row)
            except ImageFailed as failure:
                self._end_child()
                if attempt == TRIES:
                    return _error_row(str(failure))
            else:
                self._counts.update(counts)
                return answer
        raise AssertionError("TRIES is at least one")

    def _ask(self, row: tuple[Any, ...]) -> tuple[pd.DataFrame, dict[str, int]]:
        child = self._child = self._child or self._start_child()
        try:
            child.connection.send(row)
            if not child.connection.poll(self._timeout):
                raise ImageFailed(f"hung: no answer within {self._timeout:g} s")
            answer: tuple[pd.DataFrame, dict[str, int]] | str = child.connection.recv()
        except (EOFError, OSError):
            child.process.join()
            raise ImageFailed(f"crashed: it ended the interpreter ({_exit(child.process.exitcode)})") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def _start_child(self) -> Child:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._task), daemon=True)
        process.start()
        there.close()
        child = Child(process, here)
        failure = _await_engine(child)
        if failure:
            child.end()
            raise RuntimeError(failure)
        return child

    def _end_child(self) -> None:
        if self._child:
            self._child.end()
            self._child = None


def _await_engine(child: Child) -> str:
    """Why the child cannot score; empty when it is ready."""
    try:
        if not child.connection.poll(START_SECONDS):
            return f"the child process was not ready within {START_SECONDS:.0f} s"
        return str(child.connection.recv())
    except EOFError:
        child.process.join()
        return f"the child process ended before it was ready ({_exit(child.process.exitcode)})"


def _serve(connection: Connection, task: ScoringTask) -> None:
    """The child: a row in, its one-row result and the engine's counts out, until the parent hangs up."""
    try:
        scorer = task.open()
    except Exception as error:  # the parent's task fails with it: the driver must read why
        connection.send(str(error) or type(error).__name__)
        return
    connection.send("")
    while True:
        try:
            path, size, stamp = connection.recv()
        except EOFError:
            return
        try:
            result = scorer.score(pd.Series([path], dtype=object), pd.Series([size]), pd.Series([stamp]))
        except Exception as error:  # no image's fault: the task fails with it, as on the fast path
            connection.send(f"{type(error).__name__}: {error}")
            return
        connection.send((result, scorer.take_counts()))


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _error_row(error: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prediction": pd.Series([None], dtype=object),
            "probability": pd.Series([None], dtype="Float32"),
            "status": [ERROR],
            "error": [error],
        }
    )
