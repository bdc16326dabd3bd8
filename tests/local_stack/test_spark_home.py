"""The home of the local stack's Spark."""

from __future__ import annotations

from pathlib import Path

from local_stack.spark_home import lean_spark_home, spark_home


def test_it_is_the_installed_one_without_mllib(tmp_path: Path) -> None:
    full, lean = spark_home(), lean_spark_home(tmp_path)
    jars = {path.name for path in (full / "jars").iterdir()}
    left_out = jars - {path.name for path in (lean / "jars").iterdir()}
    assert {name.partition("_")[0] for name in left_out} == {"spark-mllib", "spark-mllib-local"}
    assert (lean / "bin" / "spark-submit").read_bytes() == (full / "bin" / "spark-submit").read_bytes()
    assert {path.name for path in lean.iterdir()} == {path.name for path in full.iterdir()}


def test_it_is_made_once(tmp_path: Path) -> None:
    home = lean_spark_home(tmp_path)
    made = home.stat().st_ino
    assert lean_spark_home(tmp_path) == home
    assert home.stat().st_ino == made
