"""Medians and ratios."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.figures import round_figures
from benchmarks.measure import Measured
from tests.benchmarks.results import made_up


def rows() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in made_up()["contenders"]}


def test_start_up_is_no_part_of_the_steady_rate() -> None:
    figures = round_figures(Measured(4.0, 0), 2, Measured(6.0, 7.4), 1000, 1000)
    assert figures["startup_seconds"] == 4.0
    assert figures["steady_images_per_second"] == 499.0
    assert figures["wall_seconds"] == 6.0
    assert figures["peak_mb"] == 7


def test_wall_seconds_are_extrapolated_by_the_steady_rate_and_keep_the_start_up() -> None:
    notebook = rows()["notebook"]
    assert notebook["extrapolated"]
    assert notebook["median"]["steady_images_per_second"] == 10.0
    assert notebook["median"]["wall_seconds"] == 10 + 998 / 10
    assert not rows()["ours"]["extrapolated"]


@pytest.mark.parametrize(("few", "most", "seconds"), [(2, 2, 9.0), (2, 60, 3.0)])
def test_no_rate_where_there_are_no_more_images_or_no_more_seconds(few: int, most: int, seconds: float) -> None:
    figures = round_figures(Measured(4.0, 0), few, Measured(seconds, 0), most, 1000)
    assert figures["steady_images_per_second"] is None
    assert figures["wall_seconds"] is None


def test_medians_over_the_rounds() -> None:
    ours = rows()["ours"]
    assert ours["median"]["wall_seconds"] == 6.5
    assert ours["median"]["steady_images_per_second"] == 399.2
    assert ours["own_rate"] == 401.0


def test_ratios_to_the_limit_and_the_notebook() -> None:
    ratios = rows()["ours"]["ratios"]
    assert ratios["steady_to_limit"] == pytest.approx(399.2 / 499, abs=1e-3)
    assert ratios["steady_to_notebook"] == 39.92
    assert ratios["times_faster_than_notebook"] == pytest.approx(109.8 / 6.5, abs=1e-3)
    assert rows()["dask"]["ratios"] == dict.fromkeys(ratios)


def test_labels_are_those_of_the_worst_round() -> None:
    assert rows()["bare"]["labels_as_keras"] == 998
