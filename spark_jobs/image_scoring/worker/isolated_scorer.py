"""Score one image at a time in a child process, because an image may crash or hang Python."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pandas as pd

from image_scoring.worker.scorer import ScoreCounts, ScorerFactory
from run_contract.table import ERROR

START_SECONDS = 300.0
# An image gets an error row after two failures: somebody else may have killed the child the first time.
TRIES = 2


@dataclass
class Child:
    """A child process that scores images, and the connection to it."""

    process: BaseProcess
    connection: Connection

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class ImageFailed(Exception):
    """The child did not score an image; the message is the text of its error row."""


class IsolatedScorer:
    """Scores each image in a child process: an image that crashes or hangs the child becomes an error row.

    factory: opens the child's scorer. image_timeout: seconds.
    """

    def __init__(self, factory: ScorerFactory, image_timeout: float) -> None:
        self._factory = factory
        self._timeout = image_timeout
        self._child: Child | None = None
        self._counts = ScoreCounts()

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        try:
            rows = [self._score_row(row) for row in zip(paths, sizes, stamps, strict=True)]
        finally:
            self._end_child()
        return pd.concat(rows, ignore_index=True)

    def take_counts(self) -> ScoreCounts:
        counts, self._counts = self._counts, ScoreCounts()
        return counts

    def _score_row(self, row: tuple[Any, ...]) -> pd.DataFrame:
        for attempt in range(1, TRIES + 1):
            try:
                result, counts = self._score_in_child(row)
            except ImageFailed as failure:
                self._end_child()
                if attempt == TRIES:
                    return _error_row(str(failure))
            else:
                self._counts += counts
                return result
        raise AssertionError("TRIES is at least one")

    def _score_in_child(self, row: tuple[Any, ...]) -> tuple[pd.DataFrame, ScoreCounts]:
        child = self._child = self._child or self._start_child()
        try:
            child.connection.send(row)
            if not child.connection.poll(self._timeout):
                raise ImageFailed(f"hung: no answer within {self._timeout:g} s")
            answer: tuple[pd.DataFrame, ScoreCounts] | str = child.connection.recv()
        except (EOFError, OSError):
            child.process.join()
            raise ImageFailed(f"crashed: it ended the interpreter ({_exit(child.process.exitcode)})") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def _start_child(self) -> Child:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._factory), daemon=True)
        process.start()
        there.close()
        child = Child(process, here)
        failure = _await_scorer(child)
        if failure:
            child.end()
            raise RuntimeError(failure)
        return child

    def _end_child(self) -> None:
        if self._child:
            self._child.end()
            self._child = None


def _await_scorer(child: Child) -> str:
    """Wait until the child can score; return why it cannot, or an empty text."""
    try:
        if not child.connection.poll(START_SECONDS):
            return f"the child process was not ready within {START_SECONDS:.0f} s"
        return str(child.connection.recv())
    except EOFError:
        child.process.join()
        return f"the child process ended before it was ready ({_exit(child.process.exitcode)})"


def _serve(connection: Connection, factory: ScorerFactory) -> None:
    """Run the child: receive a row, send its one-row result and the counts, until the parent closes the connection."""
    try:
        scorer = factory.open()
    except Exception as error:  # the parent raises it, so that the driver can report the cause
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
        except Exception as error:  # not the fault of an image: the task fails, as with the fast scorer
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
