"""An image that crashes or hangs the process that scores it becomes an error row; nothing else is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import cast

import pandas as pd
import psutil
import pytest

from image_scoring.driver.attempt import explain
from image_scoring.worker.isolated_scorer import IsolatedScorer
from image_scoring.worker.scorer import ScoreCounts
from run_contract.errors import BatchPredictionsError
from tests.helpers import PATIENCE, wait_until
from tests.image_scoring.brightness_model import make_factory, manifest_columns, save_grey
from tests.image_scoring.crashing_scorer import CrashingScorerFactory
from tests.integration.commands import project_path

pytestmark = pytest.mark.slow


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """Return all children but the resource tracker, which Python keeps until it ends."""
    return [child for child in process.children(recursive=True) if "resource_tracker" not in str(command_of(child))]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return cast("list[str]", process.cmdline())
    except psutil.Error:  # a zombie has no command line
        return []


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = set(children_of(psutil.Process()))
    yield
    assert set(children_of(psutil.Process())) - before == set()


def scorer_of(notes: Path, image_timeout: float = PATIENCE, broken: str = "") -> IsolatedScorer:
    return IsolatedScorer(CrashingScorerFactory(str(notes), broken), image_timeout)


def rows(*paths: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    count = len(paths)
    return (
        pd.Series(paths, index=range(7, 7 + count), dtype=object),
        pd.Series(range(count), dtype="int64"),
        pd.Series([10**18 + number for number in range(count)], dtype="int64"),
    )


def children_that_scored(notes: Path) -> dict[str, list[str]]:
    """Return the ids of the processes that got each path."""
    found: dict[str, list[str]] = {}
    for line in (notes / "scored").read_text().splitlines():
        process, _, path = line.partition(" ")
        found.setdefault(path, []).append(process)
    return found


@pytest.mark.parametrize(
    ("image", "timeout", "error"),
    [
        ("segfault", PATIENCE, "crashed: it ended the interpreter (SIGSEGV)"),
        ("hang", 2.0, "hung: no answer within 2 s"),
    ],
)
def test_an_image_that_crashes_or_hangs_the_interpreter_is_an_error_row(
    image: str, timeout: float, error: str, tmp_path: Path
) -> None:
    scorer = scorer_of(tmp_path, timeout)
    result = scorer.score(*rows("a", image, "b"))
    stamp = 10**18
    assert list(result["prediction"]) == [f"a 0 {stamp}", None, f"b 2 {stamp + 2}"]
    assert list(result["status"]) == ["predicted", "error", "predicted"]
    assert list(result["error"]) == [None, error, None]
    assert list(result["probability"].isna()) == [False, True, False]
    assert {str(dtype) for dtype in result.dtypes} == {"object", "Float32"}
    assert list(result.index) == [0, 1, 2]
    assert scorer.take_counts() == ScoreCounts(rerun=2)
    assert scorer.take_counts() == ScoreCounts()
    scored = children_that_scored(tmp_path)
    assert {path: len(children) for path, children in scored.items()} == {"a": 1, image: 2, "b": 1}
    assert len({*scored["a"], *scored[image], *scored["b"]}) == 3


def test_a_child_that_is_killed_once_costs_no_image(tmp_path: Path) -> None:
    def kill() -> None:
        wait_until(lambda: (tmp_path / "slow").exists() and (tmp_path / "slow").read_text() != "")
        os.kill(int((tmp_path / "slow").read_text()), signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    result = scorer_of(tmp_path).score(*rows("a", "slow at first", "b"))
    killer.join()
    assert list(result["status"]) == ["predicted"] * 3
    scored = children_that_scored(tmp_path)
    first, second = scored["slow at first"]
    assert (scored["a"], scored["b"]) == ([first], [second])  # good images share a child
    assert len({first, second, str(os.getpid())}) == 3


def test_an_engine_that_does_not_open_fails_the_task_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        scorer_of(tmp_path, broken="install it").score(*rows("a", "b"))
    told = explain("r", error.value)
    assert type(told) is BatchPredictionsError  # not worth a retry
    assert "numpy 1.26.4 found, 2.4.6 expected; install it" in str(told)
    with pytest.raises(RuntimeError, match="exit code 7"):
        scorer_of(tmp_path, broken="crash").score(*rows("a", "b"))
    assert not (tmp_path / "scored").exists()


def test_a_bug_is_not_blamed_on_the_image(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug of ours"):
        scorer_of(tmp_path).score(*rows("a", "bug"))


def test_the_rows_are_those_of_the_fast_scorer(tmp_path: Path) -> None:
    factory = make_factory(tmp_path)
    (Path(factory.dataset_root) / "text.png").write_text("not an image")
    recorded = manifest_columns(factory, [save_grey(factory, 51), "text.png", "gone.png", save_grey(factory, 204)])
    pd.testing.assert_frame_equal(
        factory.open_isolated().score(*recorded), factory.open().score(*recorded), check_exact=True
    )


PARENT_IS_KILLED = """
import os, signal, sys
from image_scoring.worker.isolated_scorer import IsolatedScorer
from tests.image_scoring.crashing_scorer import CrashingScorerFactory

def paths():
    yield "a"
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    IsolatedScorer(CrashingScorerFactory(sys.argv[1]), 60.0).score(paths(), [0, 0], [0, 0])
"""


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT_IS_KILLED)
    parent = subprocess.run([sys.executable, script, tmp_path], env=project_path(), timeout=PATIENCE, check=False)
    assert parent.returncode == -signal.SIGKILL
    ((child,),) = children_that_scored(tmp_path).values()
    wait_until(lambda: not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == "zombie")
