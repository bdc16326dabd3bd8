"""Files that are missing, half written or of another kind leave gaps in a page, and never break it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs_page.history_model import make_history_headline, make_history_rows
from runs_page.page_model import make_page_model
from runs_page.plot_catalog import HISTORY_PLOTS, RUN_PLOTS, make_plots
from runs_page.records import read_lines, unless_damaged
from tests.runs_page.example_runs import AT_WORK, make_finished, view

FILES = ("plan", "progress", "metrics", "failure", "alerts", "history")
GARBAGE = (b"", b"{", b"null", b"[]", b"7\n", b'"text"\n', b"\xff\xfe\x00", b"{}\n", b'{"rows": "many", "level": 5}\n')


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("state", ["queued", "running", "success", "failed"])
def test_any_garbage_in_any_file(garbage: bytes, state: str, tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    places = {name: getattr(run_data.paths, name) for name in FILES[:-1]} | {"history": run_data.workspace.history}
    for chosen in (*([name] for name in FILES), FILES):
        kept = {name: places[name].read_bytes() for name in chosen if places[name].exists()}
        for name in chosen:
            places[name].write_bytes(garbage)
        page_model = make_page_model(view(run_data.workspace, run_data.paths, state, AT_WORK))
        assert page_model.headline.title
        for name in chosen:
            places[name].write_bytes(kept.get(name, b""))


@pytest.mark.parametrize("wrong", [None, "text", -1, [], {}, [[]], 1e308])
def test_any_value_of_another_kind(wrong: object, tmp_path: Path) -> None:
    """One field after the other, of every record."""
    run_data = make_finished(tmp_path)
    for path in (run_data.paths.plan, run_data.paths.progress, run_data.paths.metrics):
        record = json.loads(path.read_text())
        for field in record:
            path.write_text(json.dumps({**record, field: wrong}))
            for state in ("running", "success"):
                assert make_page_model(view(run_data.workspace, run_data.paths, state, AT_WORK)).headline.title
        path.write_text(json.dumps(record))
    (*_, line) = read_lines(run_data.workspace.history)
    for field in line:
        lines = [line, {**line, field: wrong}, {**line, "run_key": "r", field: wrong}]
        assert make_history_headline(lines).title
        make_history_rows(lines, {})
        make_plots(HISTORY_PLOTS, lines)


def test_only_the_last_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(f'{{"number": {number}}}\n' for number in range(5000)) + '{"cut": ')
    assert [line["number"] for line in read_lines(path, 4)] == [4997, 4998, 4999]


def test_a_fault_of_our_own_is_not_hidden() -> None:
    @unless_damaged(None)
    def broken() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        broken()


def test_a_run_without_files_has_no_plot(tmp_path: Path) -> None:
    run_data = make_finished(tmp_path)
    empty = view(run_data.workspace, run_data.workspace.run("gone"), "success", {})
    assert make_plots(RUN_PLOTS, empty) == []
    assert make_page_model(empty).headline.title == "Done"
