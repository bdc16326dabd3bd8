"""Each plot is an SVG that shows its data, in both themes and all sizes, whatever the names in the data are."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from run_contract.records.metrics import ConfusionCell
from runs_page.plot_catalog import HISTORY_PLOTS, RUN_PLOTS, make_plot, make_plots
from runs_page.plots.outcome import MAX_BARS, fold
from runs_page.plots.style import THEMES, WIDTHS, plain
from runs_page.run_plots import burn_up_data
from tests.runs_page.example_runs import (
    NOW,
    PREDICTING,
    make_finished,
    make_metrics,
    make_plan,
    make_progress,
    make_workspace,
    read,
)

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> str:
    """All text in the plot."""
    return " | ".join("".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text"))


def draw(name: str, source: Any, theme: str = "light", size: str = "wide") -> str:
    found = make_plot(RUN_PLOTS, name, source)
    assert found is not None
    return found.svg(theme, size)


def test_a_finished_run_has_every_plot_in_both_themes(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    found = make_plots(RUN_PLOTS, run_data)
    assert [plot.name for plot in found] == list(RUN_PLOTS)
    for plot in found:
        light, dark = plot.svg("light", "wide"), plot.svg("dark", "wide")
        assert THEMES["light"].quiet in light
        assert THEMES["dark"].quiet in dark
        assert words(light) == words(dark)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("burn_up", ["images", "images done", "24 Nov, UTC", "deadline", "planned P50 to P90"]),
        ("classes", ["60.0%", "40.0%", "50.0%", "Cat", "Dog", "published before"]),
        ("confidence", ["images", "predicted probability"]),
        ("confusion", ["490", "10", "predicted", "label from the path"]),
        ("reasons", ["500", "200", "undecodable", "empty"]),
        ("throughput", ["images per second per core", "21 Nov 12:00"]),
        ("durations", ["actual", "forecast (P50)", "interval", "this run"]),
    ],
)
def test_a_plot_shows_its_data_and_names_its_axes(name: str, shown: list[str], tmp_path: Path) -> None:
    text = words(draw(name, make_finished(tmp_path)))
    assert [word for word in shown if word not in text] == []


def test_the_forecast_and_the_deadline_are_in_the_burn_up_of_a_run_in_progress(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    make_plan(run, NOW + timedelta(minutes=30))
    make_progress(run)
    run_data = read(run, "running", PREDICTING)
    record = burn_up_data(run_data)
    assert record is not None
    assert record.forecast is not None
    assert list(record.forecast) == sorted(record.forecast)
    assert timedelta(minutes=20) < record.forecast[1] - NOW < timedelta(minutes=30)  # 287,000 images, 200 per second
    assert {"forecast (P50)", "P10 to P90", "deadline"} <= set(words(draw("burn_up", run_data)).split(" | "))


def test_a_deadline_that_is_far_away_is_written_on_the_axis(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    make_plan(run, NOW + timedelta(days=6))
    make_progress(run)
    text = words(draw("burn_up", read(run, "running", PREDICTING)))
    assert re.search(r"deadline 6\.0 days later|deadline 5\.\d days later", text)


def test_the_width_is_that_of_the_size(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    for size, pixels in WIDTHS.items():
        width = ElementTree.fromstring(draw("confidence", run_data, size=size)).get("width")
        assert width == f"{pixels * 0.75:g}pt"


@pytest.mark.parametrize("name", ["$\\frac{", "<script>alert(1)</script>", "a\nb\x00c", "ж" * 200, "--><x", "&amp;"])
def test_a_hostile_label_is_only_ever_text(name: str, tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    cells = (ConfusionCell(name, name, 5),)
    make_metrics(run, predictions={name: 5, "Dog": 4}, errors_by_reason={name: 2}, confusion=cells)
    run_data = read(run, "success", {})
    for plot in ("classes", "reasons", "confusion"):
        svg = draw(plot, run_data)
        assert words(svg)
        assert "<script" not in svg
        assert {element.tag for element in ElementTree.fromstring(svg).iter()} & {f"{SVG}script", f"{SVG}x"} == set()


def test_a_label_is_one_short_line() -> None:
    assert plain("a\nb") == "a b"
    assert len(plain("x" * 100)) == 22


def test_many_classes_are_folded_into_one() -> None:
    folded = fold({f"class {number}": number for number in range(1, 101)})
    assert len(folded) == MAX_BARS
    assert sum(folded.values()) == sum(range(1, 101))
    assert next(iter(folded)) == "class 100"
    assert list(folded)[-1] == "89 others"


def test_the_version_changes_with_the_data_only(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    before = {plot.name: plot.version for plot in make_plots(RUN_PLOTS, run_data)}
    assert {plot.name: plot.version for plot in make_plots(RUN_PLOTS, run_data)} == before
    make_metrics(run_data.paths, predictions={"Cat": 1, "Dog": 2})
    changed = read(run_data.paths, "success", {})
    after = {plot.name: plot.version for plot in make_plots(RUN_PLOTS, changed)}
    assert {name for name in after if after[name] != before[name]} == {"classes"}


def test_the_history_has_its_plots_and_the_class_balance_where_no_label_is_known(tmp_path: Path) -> None:
    history = make_finished(tmp_path).history
    assert [plot.name for plot in make_plots(HISTORY_PLOTS, history)] == [
        "durations", "throughput", "accuracy", "errors", "forecast_errors"
    ]  # fmt: skip
    unknown = [replace(record, accuracy=None) for record in history]
    found = make_plots(HISTORY_PLOTS, unknown)
    assert [plot.name for plot in found] == ["durations", "throughput", "balance", "errors", "forecast_errors"]
    assert all(words(plot.svg("dark", "full")) for plot in found)
