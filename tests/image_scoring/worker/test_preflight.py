"""A worker with other versions than the driver is refused, in one line with its host, what was expected and found."""

from __future__ import annotations

import json
import platform

import numpy as np
import pytest

from image_scoring.model.versions import expected_versions, versions
from image_scoring.worker.preflight import ENVIRONMENT, check_environment, check_versions
from tests.image_scoring.worker.refusal import refusal


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_the_driver_matches_itself(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = expected_versions(engine)
    assert expected["Python"] == ".".join(platform.python_version_tuple()[:2])
    assert expected["numpy"] == np.__version__
    assert [value for name, value in expected.items() if name.startswith(engine) and value != "none"]
    monkeypatch.setenv(ENVIRONMENT, json.dumps(expected))
    check_environment()
    monkeypatch.delenv(ENVIRONMENT)
    check_environment()


@pytest.mark.parametrize("name", ["Python", "numpy", "pandas", "pillow", "pyarrow", "pyspark", "openvino"])
def test_each_other_version_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = expected_versions("openvino")
    monkeypatch.setenv(ENVIRONMENT, json.dumps({**here, name: "0.1"}))
    assert refusal(check_environment).startswith(f"{name} {here[name]} found, 0.1 expected; ")


def test_a_missing_package_is_found_as_none() -> None:
    found = versions(("no-such-package-at-all",))
    assert found == {"no-such-package-at-all": "none"}
    text = refusal(lambda: check_versions({"no-such-package-at-all": "2.0"}, found))
    assert text.startswith("no-such-package-at-all none found, 2.0 expected; ")
    assert refusal(lambda: check_versions({"numpy": "2.0"}, {})).startswith("numpy none found, 2.0 expected; ")
