"""What a person sees of the results."""

from __future__ import annotations

import io

from rich.console import Console

from benchmarks.table import WIDTH, make_table, notes
from tests.benchmarks.results import made_up


def shown() -> list[str]:
    file = io.StringIO()
    Console(file=file, width=WIDTH).print(make_table(made_up()))
    return file.getvalue().splitlines()


def test_one_row_for_each_contender_slowest_first() -> None:
    names = [words[1] for line in shown() if (words := line.split())[0] == "│"]
    assert names == ["notebook", "ours", "bare", "dask"]


def test_row_has_the_figures_and_marks_what_is_extrapolated() -> None:
    rows = {words[1]: words[3::2] for line in shown() if (words := line.split())[0] == "│"}
    assert rows["ours"] == ["6.5", "4.0", "399", "80%", "16.9", "39.9", "400", "1,000/1,000"]
    assert rows["notebook"][0] == "~109.8"
    assert rows["bare"][-1] == "998/1,000"


def test_notes_name_what_is_extrapolated_and_what_failed() -> None:
    text = "\n".join(notes(made_up()))
    assert "~ notebook: measured on 102 images, extrapolated to 1,000" in text
    assert "error: dask: it ended with code 1" in text
    assert "busy" not in text


def test_busy_machine_is_said() -> None:
    results = made_up()
    results["machine"]["load_before"] = 5.0
    assert "the machine was busy (load 5.0 on 2 cores)" in notes(results)[0]
