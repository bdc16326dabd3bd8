"""What `make run` shows in a terminal."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from local_stack.live_display import LiveDisplay, draw
from runs_page.page_model import make_page_model
from tests.runs_page.example_runs import NOW, PREDICTING, make_alert, make_plan, make_progress, make_workspace, read


def test_it_shows_the_figures_of_the_page_as_plain_text(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    make_plan(run, NOW + timedelta(minutes=12))
    make_progress(run)
    make_alert(run, "late", "[red]not markup[/red]")
    run_data = read(run, "running", PREDICTING)
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    console.print(draw(run_data, make_page_model(run_data, with_plots=False)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for shown in ("Late: finishes about 12:2", "712,704 of 1,000,000", "Pace", "P90", "✓ plan", "▶ predict"):
        assert shown in text
    assert [set(line.strip()) - set("━╸") for line in text.splitlines() if "━" in line] == [set()]  # a line of its own
    assert "late: [red]not markup[/red]" in text


def test_it_restores_the_terminal_however_it_ends(tmp_path: Path) -> None:
    _, run = make_workspace(tmp_path)
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    try:
        with LiveDisplay(console, run) as display:
            display.show({"download": "running"}, None)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Fetching the images" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")  # the cursor is there again
