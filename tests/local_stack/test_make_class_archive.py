"""When the archive of Spark's classes cannot be made. That a made one is used: tests/integration/test_stack.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_stack import make_class_archive, processes
from local_stack.make_class_archive import main
from tests.helpers import PATIENCE

pytestmark = pytest.mark.slow


def test_a_failure_is_one_line_and_leaves_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = tmp_path / "job.py"
    job.write_text("raise SystemExit('no')\n")
    (tmp_path / "classes" / "making").mkdir(parents=True)  # of one that was killed
    main(tmp_path / "classes", job)
    started, failed = capsys.readouterr().out.splitlines()
    assert "preparing" in started
    assert "spark-submit ended with code 1" in failed
    assert "Spark starts without" in failed
    assert {path.suffix for path in (tmp_path / "classes").iterdir()} <= {".log"}


def test_one_that_takes_too_long_is_given_up_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marks: list[str] = []
    start = processes.start

    def start_and_note(role: str, command: list[str], environment: dict[str, str], log: Path) -> Any:
        marks.append(environment[processes.MARK])
        return start(role, command, environment, log)

    monkeypatch.setattr(processes, "start", start_and_note)
    monkeypatch.setattr(make_class_archive, "MAKING_SECONDS", 5.0)
    job = tmp_path / "job.py"
    job.write_text(f"import time\ntime.sleep({PATIENCE * 10})\n")
    main(tmp_path / "classes", job)
    assert "not done within 5 s" in capsys.readouterr().out
    assert marks
    assert [processes.find(mark) for mark in marks] == [[] for _ in marks]
