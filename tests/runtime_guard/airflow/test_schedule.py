"""When runs are due and how long they may take, by Airflow's own timetables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)

from runtime_guard.airflow.schedule import (
    MISSED_LIMIT,
    find_run_interval,
    missed_runs,
    next_run_after,
    schedule_interval,
)
from runtime_guard.forecast.interval import RunInterval

MIDNIGHT = datetime(2026, 2, 28, tzinfo=UTC)
BY_HAND = datetime(2026, 2, 28, 15, 30, tzinfo=UTC)
NEXT_DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UPSTREAM = Asset("upstream")
DAILY_CRON = "0 0 * * *"
TWICE = MultipleCronTriggerTimetable("0 6 * * *", "0 18 * * *", timezone="UTC")
ASSET_OR_DAILY = AssetOrTimeSchedule(timetable=CronTriggerTimetable(DAILY_CRON, timezone="UTC"), assets=[UPSTREAM])
WITHOUT_TIMES = [None, "@once", "@continuous", [UPSTREAM]]


def dag_with(schedule: Any) -> DAG:
    more = {"max_active_runs": 1} if schedule == "@continuous" else {}
    return DAG("d", schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=UTC), **more)


def berlin(cron: str) -> CronTriggerTimetable:
    return CronTriggerTimetable(cron, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("schedule", "run_after", "following"),
    [
        ("@daily", MIDNIGHT, NEXT_DAY),
        ("@daily", BY_HAND, NEXT_DAY),
        ("@hourly", MIDNIGHT, MIDNIGHT + HOUR),
        ("*/15 * * * *", MIDNIGHT, MIDNIGHT + HOUR / 4),
        ("0 0 1 * *", NEXT_DAY, datetime(2026, 4, 1, tzinfo=UTC)),
        (timedelta(hours=6), MIDNIGHT, MIDNIGHT + 6 * HOUR),
        (DeltaDataIntervalTimetable(DAY), MIDNIGHT, NEXT_DAY),
        (DeltaTriggerTimetable(DAY), MIDNIGHT, NEXT_DAY),
        (DeltaTriggerTimetable(DAY, interval=HOUR), MIDNIGHT, NEXT_DAY),
        (CronDataIntervalTimetable(DAILY_CRON, timezone="UTC"), MIDNIGHT, NEXT_DAY),
        (CronDataIntervalTimetable(DAILY_CRON, timezone="UTC"), BY_HAND, NEXT_DAY),
        (CronTriggerTimetable(DAILY_CRON, timezone="UTC", interval=DAY), MIDNIGHT, NEXT_DAY),
        (TWICE, MIDNIGHT + 6 * HOUR, MIDNIGHT + 18 * HOUR),
        (TWICE, MIDNIGHT + 18 * HOUR, NEXT_DAY + 6 * HOUR),
        (ASSET_OR_DAILY, MIDNIGHT, NEXT_DAY),
        # Daylight saving time begins on 29 March and ends on 25 October.
        (berlin(DAILY_CRON), datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (berlin(DAILY_CRON), datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (berlin("@hourly"), datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ],
)
def test_the_next_run_after(schedule: Any, run_after: datetime, following: datetime) -> None:
    assert next_run_after(dag_with(schedule), run_after) == following


@pytest.mark.parametrize("schedule", WITHOUT_TIMES)
def test_a_schedule_without_times_has_no_next_run(schedule: Any) -> None:
    dag = dag_with(schedule)
    assert next_run_after(dag, MIDNIGHT) is None
    assert schedule_interval(dag, MIDNIGHT) is None
    assert missed_runs(dag, MIDNIGHT, BY_HAND + 30 * DAY) == []
    assert find_run_interval(dag, "manual", BY_HAND, 0.2) is None
    asked_for = find_run_interval(dag, "manual", BY_HAND, 0.2, interval=10 * HOUR)
    assert asked_for == RunInterval(BY_HAND, BY_HAND + 10 * HOUR, BY_HAND + 8 * HOUR)


@pytest.mark.parametrize(
    ("schedule", "moment", "interval"),
    [
        ("@daily", BY_HAND, DAY),
        ("@hourly", BY_HAND, HOUR),
        (timedelta(hours=6), BY_HAND, 6 * HOUR),
        (CronDataIntervalTimetable(DAILY_CRON, timezone="UTC"), BY_HAND, DAY),
        (ASSET_OR_DAILY, BY_HAND, DAY),
        (MultipleCronTriggerTimetable("0 6 * * *", "0 8 * * *", timezone="UTC"), BY_HAND, 2 * HOUR),
        (berlin(DAILY_CRON), datetime(2026, 3, 28, 12, tzinfo=UTC), 23 * HOUR),
        (berlin(DAILY_CRON), datetime(2026, 10, 24, 12, tzinfo=UTC), 25 * HOUR),
    ],
)
def test_the_interval_of_the_schedule_at_that_moment(schedule: Any, moment: datetime, interval: timedelta) -> None:
    assert schedule_interval(dag_with(schedule), moment) == interval


@pytest.mark.parametrize(
    ("schedule", "interval"),
    [("@daily", DAY), ("@hourly", HOUR), (timedelta(hours=6), 6 * HOUR), (TWICE, 6 * HOUR), (ASSET_OR_DAILY, DAY)],
)
def test_a_scheduled_run_has_until_the_next_one(schedule: Any, interval: timedelta) -> None:
    run_interval = find_run_interval(dag_with(schedule), "scheduled", MIDNIGHT, 0.25, started_at=MIDNIGHT + HOUR / 60)
    assert run_interval == RunInterval(MIDNIGHT, MIDNIGHT + interval, MIDNIGHT + interval * 0.75)


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered"])
def test_a_run_that_the_schedule_did_not_create_has_one_interval_of_it(run_type: str) -> None:
    run_interval = find_run_interval(dag_with(ASSET_OR_DAILY), run_type, BY_HAND, 0.2)
    assert run_interval == RunInterval(BY_HAND, BY_HAND + DAY, BY_HAND + 0.8 * DAY)


def test_a_scheduled_run_that_starts_after_its_deadline_has_until_the_next_one_after_its_start() -> None:
    run_interval = find_run_interval(dag_with("@daily"), "scheduled", MIDNIGHT, 0, started_at=MIDNIGHT + 2.5 * DAY)
    assert run_interval == RunInterval(MIDNIGHT + 2.5 * DAY, MIDNIGHT + 3 * DAY, MIDNIGHT + 3 * DAY)


def test_a_backfilled_run_has_its_interval_from_its_start() -> None:
    started = MIDNIGHT + 30.5 * DAY
    run_interval = find_run_interval(dag_with("@daily"), "backfill", MIDNIGHT, 0.2, started_at=started)
    assert run_interval == RunInterval(started, started + DAY, started + 0.8 * DAY)


@pytest.mark.parametrize(
    ("schedule", "days", "missed"),
    [
        ("@daily", 1, []),
        ("@daily", 3, [MIDNIGHT + DAY, MIDNIGHT + 2 * DAY]),
        (DAY, 2, [MIDNIGHT + DAY]),
        (CronDataIntervalTimetable(DAILY_CRON, timezone="UTC"), 2, [MIDNIGHT + DAY]),
        (TWICE, 1, [MIDNIGHT + 6 * HOUR, MIDNIGHT + 18 * HOUR]),
        ("0 0 * * MON-FRI", 2, []),  # from a Saturday to the Monday after it
    ],
)
def test_the_runs_that_were_due_between_two(schedule: Any, days: int, missed: list[datetime]) -> None:
    assert missed_runs(dag_with(schedule), MIDNIGHT, MIDNIGHT + days * DAY) == missed


def test_the_list_of_missed_runs_is_limited() -> None:
    missed = missed_runs(dag_with("* * * * *"), MIDNIGHT, MIDNIGHT + 365 * DAY)
    assert (len(missed), missed[0]) == (MISSED_LIMIT, MIDNIGHT + HOUR / 60)
