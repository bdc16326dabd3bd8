"""Records that the tests start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from run_contract.records.history import HistoryRecord
from run_contract.records.manifest import ManifestRecord, ManifestRequest
from run_contract.records.metrics import MetricsRecord, Verdict
from run_contract.records.plan import PlanRecord
from run_contract.records.predict import ProgressRecord

DUE = datetime(2026, 1, 1, tzinfo=UTC)

MANIFEST = ManifestRecord(
    source="/photos",
    root="/photos",
    content_id="abc",
    rows=36_000,
    shards=20,
    bytes=36_000_000,
    skipped={},
    fingerprint="f",
    request=ManifestRequest("abc", None, ("Cat", "Dog")),
)

PAST_RUN = HistoryRecord(
    run_key="p",
    rows=1000,
    predicted=1000,
    errors=0,
    predictions={"Cat": 1000, "Dog": 0},
    verdict=Verdict.VALID,
    cores=2,
    engine="openvino",
    precision="f32",
    model="m@1",
    newly_predicted=1000,
    predict_seconds=50.0,
)
"""Of 1,000 rows, with 0.1 core seconds for each."""

PLAN = PlanRecord(
    run_key="r",
    run_type="scheduled",
    run_after=DUE,
    planned_at=DUE,
    rows=6,
    rows_to_predict=6,
    shards=1,
    deadline_at=DUE + timedelta(days=1),
    p50_seconds=41.0,
)

METRICS = MetricsRecord(
    run_key="r",
    source="/photos",
    skipped={},
    rows=6,
    predicted=6,
    errors=0,
    errors_by_reason={},
    predictions={"Cat": 6, "Dog": 0},
    probability_histogram=(0,) * 20,
    known_labels=0,
    accuracy=None,
    accuracy_by_split={},
    confusion=(),
    verdict=Verdict.VALID,
    faults=(),
)

PROGRESS = ProgressRecord("r", "a", DUE, DUE, engine="openvino", precision="f32", model="m@1", cores=4, workers=2)
