"""Commands that are measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.measure import ContenderError, measure, memory_of


def run(tmp_path: Path, code: str, limit_seconds: float = 60) -> float:
    command = [sys.executable, "-c", code]
    return measure("one", command, dict(os.environ), tmp_path / "log", limit_seconds).peak_mb


def test_memory_of_children_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"

    def look_at(process: psutil.Process) -> int:
        found = memory_of(process)
        if found > 100_000_000:
            seen.touch()
        return found

    monkeypatch.setattr("benchmarks.measure.memory_of", look_at)
    hold = f"import os, time; held = b'x' * 100_000_000\nwhile not os.path.exists({str(seen)!r}): time.sleep(0.02)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    assert run(tmp_path, parent) > 100


def test_command_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ContenderError, match=f"one: it ended with code 3; see {tmp_path / 'log'}"):
        run(tmp_path, "print('why', flush=True); raise SystemExit(3)")
    assert (tmp_path / "log").read_text() == "why\n"


@pytest.mark.slow
def test_command_over_its_time_is_ended_with_its_children(tmp_path: Path) -> None:
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ContenderError, match="not done after 5 s, given up"):
        run(tmp_path, parent, limit_seconds=5)
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
