"""The picture of the results."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from benchmarks.plot import draw
from tests.benchmarks.results import made_up


def test_picture_is_drawn_from_results_with_a_contender_that_failed(tmp_path: Path) -> None:
    draw(made_up(), tmp_path / "results.png")
    with Image.open(tmp_path / "results.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10


def test_contender_without_a_rate_is_drawn_too(tmp_path: Path) -> None:
    results = made_up()
    results["contenders"][0]["median"] |= {"steady_images_per_second": None, "wall_seconds": None}
    draw(results, tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 10_000
