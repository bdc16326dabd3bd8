"""Which alert a run gives cause for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime_guard.alerting.levels import Level, WatchState, find_due_levels
from runtime_guard.forecast.records import Phase
from runtime_guard.forecast.run_status import Observation

START = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE = START + timedelta(hours=10)


class Watch:
    """Polls once a minute."""

    def __init__(self) -> None:
        self.now = START
        self.state = WatchState()

    def poll(self, probability: float | None = None, phase: Phase = Phase.WORKING, **observed: Any) -> list[Level]:
        self.now += timedelta(minutes=1)
        known = {"now": self.now, "phase": phase, "miss_probability": probability, "deadline_at": DEADLINE}
        return find_due_levels(self.state, Observation(**{**known, **observed}))

    def polls(self, *probabilities: float | None) -> list[Level]:
        return [level for probability in probabilities for level in self.poll(probability)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_run_that_fits_gives_no_cause(watch: Watch) -> None:
    assert watch.polls(*[0.0, 0.05, 0.2, 0.2, None, 0.1] * 5) == []


def test_a_risk_is_raised_when_it_has_stayed_and_never_again(watch: Watch) -> None:
    """For a twentieth of the time that is left: half an hour of ten."""
    assert watch.polls(*[0.3] * 29) == []
    assert watch.polls(0.3) == [Level.AT_RISK]
    assert watch.polls(*[0.5] * 40) == []


def test_a_risk_that_comes_and_goes_is_no_cause(watch: Watch) -> None:
    assert watch.polls(*([0.3] * 20 + [0.1]) * 8) == []


def test_the_nearer_the_deadline_the_sooner_a_risk_is_raised(watch: Watch) -> None:
    watch.now = DEADLINE - timedelta(minutes=20)
    assert watch.polls(0.3) == []
    assert watch.polls(0.3) == [Level.AT_RISK]


def test_a_single_poll_is_no_cause(watch: Watch) -> None:
    assert watch.polls(0.9, 0.1, 0.9, 0.1, 0.9, None, 0.9) == []


def test_a_risk_that_grows_is_raised_once_more_as_late(watch: Watch) -> None:
    assert watch.polls(0.3, 0.3, 0.5, 0.81, 0.81, 0.99, 1.0) == [Level.AT_RISK, Level.LATE]


def test_what_is_late_at_once_is_raised_in_order_and_not_at_risk_later(watch: Watch) -> None:
    assert watch.polls(0.0, 0.9, 0.9) == [Level.AT_RISK]
    assert watch.poll(0.9) == [Level.LATE]
    assert watch.polls(0.5, 0.5, 0.9, 0.9) == []


def test_a_breach_is_raised_once_and_nothing_lower_after_it(watch: Watch) -> None:
    watch.now = DEADLINE - timedelta(minutes=1)
    assert watch.poll(0.5) == [Level.BREACHED]
    assert watch.polls(1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0) == []


def test_without_a_deadline_nothing_is_late(watch: Watch) -> None:
    watch.now = DEADLINE
    assert [watch.poll(None, deadline_at=None) for _ in range(5)] == [[]] * 5


@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_nothing_is_raised_after_the_end(probability: float, watch: Watch) -> None:
    watch.poll(probability)
    watch.now = DEADLINE
    silent: dict[str, Any] = {"last_advance": START, "expected_silence": 1.0, "queue_limit": 1.0}
    assert [watch.poll(probability, Phase.ENDED, **silent) for _ in range(5)] == [[]] * 5


def test_what_is_over_for_two_polls_has_recovered_once(watch: Watch) -> None:
    assert watch.polls(0.9, 0.9, 0.9, 0.05, 0.2, 0.05) == [Level.AT_RISK, Level.LATE]
    assert watch.polls(0.05) == [Level.RECOVERED]
    assert watch.polls(0.05, 0.05, 0.9, 0.9, 0.05, 0.05) == []


def test_what_was_never_raised_does_not_recover(watch: Watch) -> None:
    assert watch.polls(0.9, 0.0, 0.0, 0.0) == []


def test_a_breach_does_not_recover(watch: Watch) -> None:
    watch.now = DEADLINE - timedelta(minutes=20)
    assert watch.polls(0.3, 0.3) == [Level.AT_RISK]
    watch.now = DEADLINE
    assert watch.poll(1.0) == [Level.BREACHED]
    assert [watch.poll(0.0, deadline_at=DEADLINE + timedelta(days=1)) for _ in range(3)] == [[]] * 3


def test_a_silence_longer_than_usual_is_raised_once(watch: Watch) -> None:
    watch.poll()
    usual: dict[str, Any] = {"last_advance": watch.now, "expected_silence": 120.0}
    assert [watch.poll(**usual) for _ in range(5)] == [[], [], [Level.STALLED], [], []]


def test_a_run_recovers_from_a_stall_with_rows_and_not_with_time(watch: Watch) -> None:
    watch.poll()
    usual: dict[str, Any] = {"last_advance": watch.now, "expected_silence": 60.0}
    assert [watch.poll(**usual) for _ in range(2)] == [[], [Level.STALLED]]
    assert [watch.poll(**{**usual, "expected_silence": 3600.0}) for _ in range(3)] == [[]] * 3
    usual["last_advance"] = watch.now
    assert [watch.poll(**{**usual, "expected_silence": 3600.0}) for _ in range(3)] == [[], [Level.RECOVERED], []]


def test_a_stall_is_not_over_while_the_run_is_at_risk(watch: Watch) -> None:
    watch.poll(0.15)
    assert watch.poll(0.15, last_advance=START, expected_silence=30.0) == [Level.STALLED]
    advanced = watch.now + timedelta(seconds=1)
    assert [watch.poll(0.15, last_advance=advanced, expected_silence=999.0) for _ in range(3)] == [[]] * 3
    assert [watch.poll(0.0, last_advance=advanced, expected_silence=999.0) for _ in range(2)] == [[], [Level.RECOVERED]]


def test_a_new_attempt_is_given_its_time(watch: Watch) -> None:
    before: dict[str, Any] = {"last_advance": START, "expected_silence": 120.0}
    watch.now = START + timedelta(hours=1)
    assert watch.poll(phase=Phase.RETRYING, **before) == []
    assert [watch.poll(phase=Phase.STARTING, **before) for _ in range(3)] == [[]] * 3
    assert [watch.poll(phase=Phase.WORKING, **before) for _ in range(4)] == [[], [], [], [Level.STALLED]]


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.RETRYING])
def test_no_rows_are_expected_of_a_task_that_does_not_run(phase: Phase, watch: Watch) -> None:
    silent: dict[str, Any] = {"last_advance": START, "expected_silence": 1.0}
    assert [watch.poll(phase=phase, **silent) for _ in range(5)] == [[]] * 5


def test_a_long_wait_is_raised_once(watch: Watch) -> None:
    found = [watch.poll(phase=Phase.WAITING, queue_limit=120.0) for _ in range(6)]
    assert found == [[], [], [], [Level.QUEUED], [], []]


def test_waits_of_attempts_that_got_nowhere_count_together(watch: Watch) -> None:
    phases = [Phase.WAITING, Phase.STARTING, Phase.WAITING, Phase.RETRYING, Phase.WAITING]
    assert [watch.poll(phase=phase, queue_limit=200.0) for phase in phases] == [[], [], [], [], [Level.QUEUED]]


def test_a_wait_is_over_with_the_first_image(watch: Watch) -> None:
    phases = [Phase.WAITING, Phase.STARTING, Phase.WORKING, Phase.RETRYING, Phase.WAITING]
    assert [watch.poll(phase=phase, queue_limit=200.0) for phase in phases] == [[]] * 5


def test_without_a_limit_a_wait_is_no_cause(watch: Watch) -> None:
    assert [watch.poll(phase=Phase.WAITING, queue_limit=None) for _ in range(100)] == [[]] * 100
