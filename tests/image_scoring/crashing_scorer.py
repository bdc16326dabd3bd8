"""Images that crash or hang the process that scores them, like those that hit a bug of a decoder."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd

from image_scoring.worker.preflight import PreflightError
from image_scoring.worker.scorer import ScoreCounts
from run_contract.table import PREDICTED

HANG_SECONDS = 600  # longer than any test


@dataclass(frozen=True)
class CrashingScorerFactory:
    """The factory of a scorer whose images do what their names say.

    notes: a directory in which the child processes log what they do. broken: the next step in the PreflightError with
    which the scorer does not open; "crash" ends the interpreter instead.
    """

    notes: str
    broken: str = ""

    @property
    def model_id(self) -> str:
        return "crashing@000000000000"

    def open(self) -> CrashingScorer:
        if self.broken == "crash":
            os._exit(7)
        if self.broken:
            raise PreflightError("numpy", "2.4.6", "1.26.4", self.broken)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return CrashingScorer(Path(self.notes))

    def open_isolated(self) -> NoReturn:
        raise NotImplementedError("the tests create the isolated scorer themselves")


@dataclass
class CrashingScorer:
    """A scorer whose predictions are the columns that it got."""

    notes: Path
    scored: int = 0

    def score(self, paths: pd.Series, sizes: pd.Series, stamps: pd.Series) -> pd.DataFrame:
        if "bug" in set(paths):
            raise ZeroDivisionError("a bug of ours")
        for path in paths:
            with open(self.notes / "scored", "a") as file:
                file.write(f"{os.getpid()} {path}\n")
            self._process(path)
        self.scored += len(paths)
        return pd.DataFrame(
            {
                "prediction": pd.Series(
                    [f"{path} {size} {stamp}" for path, size, stamp in zip(paths, sizes, stamps, strict=True)]
                ),
                "probability": pd.Series([0.5] * len(paths), dtype="Float32"),
                "status": [PREDICTED] * len(paths),
                "error": pd.Series([None] * len(paths), dtype=object),
            }
        )

    def take_counts(self) -> ScoreCounts:
        scored, self.scored = self.scored, 0
        return ScoreCounts(rerun=scored)

    def _process(self, path: str) -> None:
        match path:
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hang":
                ctypes.PyDLL(None).sleep(HANG_SECONDS)  # in C, while holding the GIL
            case "slow at first" if not (self.notes / "slow").exists():
                (self.notes / "slow").write_text(str(os.getpid()))
                time.sleep(HANG_SECONDS)
