"""An undisturbed run, with which the other tests compare theirs."""

from __future__ import annotations

import pytest

from tests.faults.cluster import WORKERS
from tests.faults.job import rows
from tests.faults.observed import Observed

pytestmark = pytest.mark.slow

PEAK_MB = 500


def test_both_cores_predict_and_every_image_has_a_row(observed: Observed) -> None:
    assert len(observed.workers) >= 2, observed.workers
    listed = rows(observed.run)
    assert len({row["img_path"] for row in listed}) == len(listed) == 600
    assert {row["error"].partition(":")[0] for row in listed if row["status"] == "error"} == {
        "empty",
        "not an image",
        "too large",
        "undecodable",
    }


def test_each_executor_starts_python_once(observed: Observed) -> None:
    assert len({worker.daemon for worker in observed.workers.values()}) == WORKERS


def test_python_workers_load_openvino_and_nothing_of_tensorflow(observed: Observed) -> None:
    for worker in observed.workers.values():
        packages = {path.partition("site-packages/")[2].partition("/")[0] for path in worker.libraries}
        assert "openvino" in packages
        assert not packages & {"h5py", "keras", "tensorflow"}


def test_python_workers_stay_small(observed: Observed) -> None:
    assert all(0 < worker.peak_mb < PEAK_MB for worker in observed.workers.values()), observed.workers
