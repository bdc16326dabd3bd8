"""The settings that all roles of Spark share."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack.class_archive import EMPTY_CONF
from local_stack.java import find_java_home
from local_stack.spark import inherited_environment, spark_environment, spark_properties


def test_the_directory_on_the_class_path_is_empty(tmp_path: Path) -> None:
    """Else Java refuses the archive of Spark's classes."""
    environment = spark_environment(find_java_home(tmp_path / "java"), tmp_path, tmp_path)
    assert environment["SPARK_CONF_DIR"] == str(EMPTY_CONF)
    assert list(EMPTY_CONF.iterdir()) == []


def test_driver_and_executors_get_their_own_options_and_the_shared_ones() -> None:
    text = spark_properties("s3cret", Path("/with space"), "-Ddriver", "-Dexecutor")
    properties = dict(line.split(" ", 1) for line in text.splitlines())
    assert properties["spark.authenticate.secret"] == "s3cret"
    for role in ("driver", "executor"):
        options = properties[f"spark.{role}.extraJavaOptions"]
        assert options.endswith(f"-D{role}")
        assert '"-Djava.io.tmpdir=/with space"' in options
        assert "-XX:+UseSerialGC" in options


def test_what_the_shell_says_of_another_spark_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = inherited_environment()
    assert "SPARK_CONF_DIR" not in environment
    assert "PYTHONPATH" not in environment
    assert environment["LANG"] == "C.UTF-8"
