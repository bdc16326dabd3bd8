"""What the record of a drill makes of the run's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from drill.drill_stack import DrillRun, DrillStack
from drill.record import make_record
from drill.scenarios import Drill
from run_contract.errors import BatchPredictionsError
from run_contract.layout import Workspace
from run_contract.record import append_record, write_record
from run_contract.records.alert import AlertRecord
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import ProgressRecord

DUE = datetime(2026, 1, 1, tzinfo=UTC)


def never(_: DrillStack) -> DrillRun:
    raise AssertionError


def drill_of(expected: set[str], allowed: set[str]) -> Drill:
    return Drill("name", "title", never, frozenset(expected), frozenset(allowed))


def seconds(number: float) -> datetime:
    return DUE + timedelta(seconds=number)


@pytest.fixture
def run(tmp_path: Path) -> DrillRun:
    """A run with an interval of 100 s whose predict has ended after 120."""
    files = Workspace(tmp_path).run("r")
    plan = PlanRecord("r", "manual", DUE, DUE, rows=9, rows_to_predict=9, shards=1, deadline_at=seconds(100))
    write_record(files.plan, plan)
    write_record(files.progress, ProgressRecord("r", "a", DUE, seconds(120), rows_total=9, errors=1))
    return DrillRun(cast(DrillStack, None), "manual__1", DUE, files)


def raise_alerts(run: DrillRun, **levels: float) -> None:
    for level, moment in levels.items():
        append_record(run.files.alerts, AlertRecord(level, seconds(moment), level))


def test_the_lead_is_that_of_the_first_alert(run: DrillRun) -> None:
    raise_alerts(run, at_risk=40, breached=100)
    record = make_record(drill_of({"at_risk"}, {"at_risk", "breached"}), run, "success")
    assert (record.interval_seconds, record.predicted_seconds, record.missed) == (100, 120, True)
    assert (record.lead_seconds, record.lead_share) == (60, 0.6)
    assert (record.rows, record.errors, record.false_alarms, record.as_expected) == (9, 1, 0, True)


@pytest.mark.parametrize(
    ("drill", "state", "false_alarms", "as_expected"),
    [
        (drill_of({"at_risk"}, {"at_risk"}), "success", 0, True),
        (drill_of({"at_risk"}, {"at_risk"}), "failed", 0, False),
        (drill_of({"late"}, {"at_risk", "late"}), "success", 0, False),
        (drill_of(set(), set()), "success", 1, False),
    ],
)
def test_as_expected_is_the_alert_that_the_fault_gives_cause_for(
    run: DrillRun, drill: Drill, state: str, false_alarms: int, as_expected: bool
) -> None:
    raise_alerts(run, at_risk=40)
    record = make_record(drill, run, state)
    assert (record.false_alarms, record.as_expected) == (false_alarms, as_expected)


def test_an_alert_that_is_raised_twice_is_not_as_expected(run: DrillRun) -> None:
    raise_alerts(run, at_risk=40)
    raise_alerts(run, at_risk=50)
    assert not make_record(drill_of({"at_risk"}, {"at_risk"}), run, "success").as_expected


def test_a_run_without_its_files_is_named(run: DrillRun) -> None:
    run.files.progress.unlink()
    with pytest.raises(BatchPredictionsError, match="run r: it has no progress; "):
        make_record(drill_of(set(), set()), run, "failed")
