"""Files that are missing, incomplete or of another kind leave gaps in a page and never break it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batch_predictions.report import write_report
from run_contract.record import read_records
from run_contract.records.history import HistoryRecord
from run_contract.records.predict import ProgressSample
from runs_page.history_model import make_history_headline, make_history_rows
from runs_page.page_model import make_page_model
from runs_page.plot_catalog import HISTORY_PLOTS, RUN_PLOTS, make_plots
from runs_page.tolerance import unless_damaged
from tests.runs_page.example_runs import PREDICTING, make_finished, make_progress, read, workspace_of

FILES = ("plan", "progress", "metrics", "failure", "alerts", "history")
GARBAGE = (b"", b"{", b"null", b"[]", b"7\n", b'"text"\n', b"\xff\xfe\x00", b"{}\n", b'{"rows": "many", "level": 5}\n')


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("state", ["queued", "running", "success", "failed"])
def test_a_page_with_garbage_in_any_file(garbage: bytes, state: str, tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    places = {name: getattr(run_data.paths, name) for name in FILES[:-1]}
    places["history"] = workspace_of(run_data.paths).history
    for chosen in (*([name] for name in FILES), FILES):
        kept = {name: places[name].read_bytes() for name in chosen if places[name].exists()}
        for name in chosen:
            places[name].write_bytes(garbage)
        page_model = make_page_model(read(run_data.paths, state, PREDICTING))
        assert page_model.headline.title
        whole_files = [f"{name}.json" for name in chosen if name not in ("alerts", "history")]
        assert [text.partition(":")[0] for text in page_model.damaged] == whole_files
        for name in chosen:
            places[name].unlink()
        for name, content in kept.items():
            places[name].write_bytes(content)


@pytest.mark.parametrize("wrong", [None, "text", -1, [], {}, [[]], 1e308])
def test_a_page_with_any_field_of_another_type(wrong: object, tmp_path: Path) -> None:
    """Each field of every record in turn."""
    run_data = make_finished(tmp_path)
    for path in (run_data.paths.plan, run_data.paths.progress, run_data.paths.metrics):
        record = json.loads(path.read_text())
        for field in record:
            path.write_text(json.dumps({**record, field: wrong}))
            for state in ("running", "success"):
                assert make_page_model(read(run_data.paths, state, PREDICTING)).headline.title
        path.write_text(json.dumps(record))
    history = workspace_of(run_data.paths).history
    line = json.loads(history.read_text().splitlines()[-1])
    for field in line:
        lines = [line, {**line, field: wrong}, {**line, "run_key": "r", field: wrong}]
        history.write_text("".join(f"{json.dumps(one)}\n" for one in lines))
        records = read_records(HistoryRecord, history)
        assert make_history_headline(records).title
        make_history_rows(records, {})
        make_plots(HISTORY_PLOTS, records)


def test_the_page_names_a_damaged_file_and_what_to_do(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    run_data.paths.plan.write_text(json.dumps({**json.loads(run_data.paths.plan.read_text()), "rows": "many"}))
    workspace_of(run_data.paths).history.unlink()
    workspace_of(run_data.paths).history.mkdir()
    assert make_page_model(read(run_data.paths, "success", {})).damaged == [
        "plan.json: field rows: expected a whole number, found 'many'; remove it and run the task plan again",
        "history.jsonl: Is a directory",
    ]


def test_values_that_make_no_sense_leave_a_gap(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    make_progress(run_data.paths, samples=(ProgressSample(1e300, 5, 4),))
    plots = make_page_model(read(run_data.paths, "success", PREDICTING)).plots
    assert [plot.name for plot in plots if not plot.svg("light", "wide")] == ["burn_up"]
    write_report(workspace_of(run_data.paths), run_data.paths)
    assert run_data.paths.report.read_text().count("<figure") == len(plots) - 1


def test_a_programming_error_is_not_hidden() -> None:
    @unless_damaged(None)
    def broken() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        broken()


def test_a_run_without_files_has_no_plot(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    empty = read(workspace_of(run_data.paths).run("gone"), "success", {})
    assert make_plots(RUN_PLOTS, empty) == []
    assert make_page_model(empty).headline.title == "The run succeeded"
