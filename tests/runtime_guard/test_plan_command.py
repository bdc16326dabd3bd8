"""The command runtime_guard.plan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_guard.plan.__main__ import main
from runtime_guard.plan.capacity_plan import LINES

CLASSIC = ["--rows", "1e6", "--seconds-per-row", "1", "--interval", "1d", "--buffer", "0.2", "--cores-per-worker", "2"]
ANSWER = "one core takes 11.6 days; 24 h with 20% buffer needs 15 cores: 8 workers, 9 if one may be lost"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def lines_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    assert main(words) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_the_classic_example(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines_of(capsys, *CLASSIC, "--backlog-days", "3")
    assert ["7", "14", "19", "h", "50", "min", "no", "no", "never"] in table
    assert ["8", "16", "17", "h", "22", "min", "yes", "no", "28.3"] in table
    assert ["9", "18", "15", "h", "26", "min", "yes", "yes", "12.3"] in table
    assert table[-1] == ANSWER.split()


def test_without_a_backlog_there_is_no_column_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines_of(capsys, *CLASSIC)
    assert "catch" not in table[0]
    assert ["8", "16", "17", "h", "22", "min", "yes", "no"] in table


def test_less_buffer_needs_fewer_workers(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines_of(capsys, *CLASSIC, "--buffer", "0")
    assert ["6", "12", "23", "h", "9", "min", "yes", "no"] in table


def test_a_large_cluster_has_a_short_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines_of(capsys, *CLASSIC, "--rows", "1e9")
    assert len(table) == LINES + 2
    needed = [line for line in table if line[-2:] == ["yes", "no"]]
    assert [line[0] for line in needed] == ["7,234"]


def test_a_start_up_longer_than_the_interval_fits_no_number_of_workers(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines_of(capsys, *CLASSIC, "--interval", "1m", "--overhead", "60")
    assert "no number of workers fits" in " ".join(table[-1])
    assert all(line[-2:] == ["no", "no"] for line in table[1:-1])


def test_the_plot_is_a_png(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "plan.png"
    lines_of(capsys, *CLASSIC, "--plot", str(target))
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--rows", "many"], "argument --rows: expected a number above zero, found 'many'"),
        (["--rows", "0"], "argument --rows: expected a number above zero, found '0'"),
        (["--rows", "inf"], "argument --rows: expected a number above zero, found 'inf'"),
        (["--seconds-per-row", "nan"], "argument --seconds-per-row: expected a number above zero, found 'nan'"),
        (["--interval", "daily"], "argument --interval: interval 'daily': expected a number and one of s, m, h, d, w"),
        (["--buffer", "1"], "argument --buffer: expected a share from 0 to less than 1, found '1'"),
        (["--cores-per-worker", "1.5"], "argument --cores-per-worker: expected a whole number above zero"),
        (["--overhead", "-1"], "argument --overhead: expected zero or a number above it, found '-1'"),
        (["--plot", "plan.txt"], "argument --plot: expected the name of a .png file in a directory that exists"),
        (["--plot", "nowhere/plan.png"], "argument --plot: expected the name of a .png file"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_a_wrong_argument_is_one_line(words: list[str], cause: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*CLASSIC, *words])
    output = capsys.readouterr()
    assert (ended.value.code, output.out, output.err.count("\n")) == (2, "", 1)
    assert output.err.startswith(f"error: {cause}")


def test_it_runs_as_a_module() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "120"}
    command = [sys.executable, "-m", "runtime_guard.plan", *CLASSIC]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == ANSWER
