"""Compare the way in which a run was predicted with the way that is asked for now. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from image_scoring.model.safety import check_model_present
from image_scoring.model.spec import load_spec
from image_scoring.model.versions import expected_versions
from run_contract.arguments import JobArguments
from run_contract.layout import RunPaths
from run_contract.record import read_readable
from run_contract.records.predict import ScoringRecord


def find_outdated(run: RunPaths, arguments: JobArguments) -> list[str]:
    """Return the fields of scoring.json in which a run differs from what `arguments` ask for; empty if in none.

    Opens no model. What only a measurement can decide is taken as it is in the record: whether `engine` auto and the
    precisions fall back, and the band of a cascade. Raises BatchPredictionsError for a model or a spec that cannot be
    read.
    """
    found = read_readable(ScoringRecord, run.scoring)
    if found is None:
        return ["scoring.json, which is missing or damaged"]
    check_model_present(Path(arguments.model))
    spec, _ = load_spec(Path(arguments.model))
    engine = found.engine if arguments.engine == "auto" else arguments.engine
    asked = replace(
        found,
        model=spec.model_id,
        spec=asdict(spec),
        engine=engine,
        precision=found.precision if _may_become(arguments, found) else arguments.precision,
        versions=expected_versions(engine),
    )
    return found.differences(asked)


def _may_become(arguments: JobArguments, found: ScoringRecord) -> bool:
    """Return whether the precision that is asked for may have become the one in the record."""
    falls_back = arguments.precision in ("int8", "cascade") or (arguments.engine, found.engine) == (
        "auto",
        "tensorflow",
    )
    return found.precision == arguments.precision or (found.precision == "f32" and falls_back)
