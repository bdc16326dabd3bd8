"""The words of `make drill`, and real drills on a real stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from drill.__main__ import make_images
from drill.options import parse
from drill.record import DrillRecord
from drill.scenarios import DRILLS
from local_stack.options import UsageError
from run_contract.record import read_records
from tests.integration.commands import make, processes_of

DRILL_SECONDS = 7200.0


def test_all_drills_unless_some_are_named_and_always_the_undisturbed_one() -> None:
    assert parse([]).drills == DRILLS
    assert [drill.name for drill in parse(["ONLY=dead_worker"]).drills] == ["fits", "dead_worker"]


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("ONLY=flood", "there is no drill flood"),
        ("IMAGES=5", "a whole number from 2048"),
        ("WORKERS=9", "no such option"),
    ],
)
def test_what_makes_no_sense_is_one_line(word: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        parse([word])


def test_the_images_are_made_once(tmp_path: Path) -> None:
    directory = make_images(tmp_path / "images", 100)
    made = {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}
    assert len(made) == 100
    make_images(directory, 100)
    assert {path.name: path.stat().st_mtime_ns for path in directory.iterdir()} == made


@pytest.mark.nightly
def test_every_drill_is_alerted_as_expected_under_the_real_scheduler(workspace: Path, tmp_path: Path) -> None:
    output = tmp_path / "drills.jsonl"
    finished = make("drill", workspace, output=output).wait(DRILL_SECONDS)
    records = {record.drill: record for record in read_records(DrillRecord, output)}
    assert list(records) == [drill.name for drill in DRILLS], finished.output
    assert [name for name, record in records.items() if not record.as_expected] == [], finished.output
    assert finished.code == 0, finished.output
    levels = {name: [alert.level for alert in record.alerts] for name, record in records.items()}
    assert levels["fits"] == []
    assert levels["worker_joins"][-1] == "recovered"
    assert "stalled" in levels["stalled_driver"]
    assert levels["restarted_triggerer"] == ["at_risk", "late", "breached"]
    assert "Traceback" not in finished.output
    assert processes_of(workspace) == []
