"""When the archive of Spark's classes cannot be made. That a made one is used: tests/integration/test_stack.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack.make_class_archive import main

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
