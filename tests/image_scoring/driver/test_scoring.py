"""Which runs are predicted alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from image_scoring.driver.scoring import make_scoring_record
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.spec import load_spec
from run_contract.record import read_record, write_record
from run_contract.records.predict import ScoringRecord
from tests.helpers import MODEL

SPEC = load_spec(MODEL)[0]
CASCADE = EngineChoice("openvino", "cascade", "model.xml", band=1.0, low="int8")


def test_runs_with_another_low_precision_are_not_mixed() -> None:
    first, second = (make_scoring_record(SPEC, each) for each in (CASCADE, replace(CASCADE, low="bf16")))
    assert (first.low, second.low) == ("int8", "bf16")
    assert first.differences(second) == ["low"]
    f32 = replace(CASCADE, precision="f32", band=None)
    assert make_scoring_record(SPEC, f32) == make_scoring_record(SPEC, replace(f32, low="bf16"))


def test_a_record_that_was_read_back_does_not_differ(tmp_path: Path) -> None:
    record = make_scoring_record(SPEC, CASCADE)
    write_record(tmp_path / "scoring.json", record)
    found = read_record(ScoringRecord, tmp_path / "scoring.json")
    assert found is not None
    assert found.differences(record) == record.differences(found) == []
    other = make_scoring_record(replace(SPEC, threshold=0.6), replace(CASCADE, name="tensorflow"))
    assert found.differences(other) == ["engine", "spec", "versions"]
