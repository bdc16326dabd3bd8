"""Decide how a run is predicted: the scorer factory that its Spark tasks get, and its record scoring.json."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from image_scoring.model.engine_selection import choose_engine
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.sample_images import CalibrationImages, verification_images
from image_scoring.model.spec import ModelSpec, resolve_model
from image_scoring.model.versions import expected_versions
from image_scoring.worker.golden_image import load_golden_image
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from run_contract.arguments import JobArguments
from run_contract.layout import Workspace
from run_contract.record import require_record
from run_contract.records.manifest import ManifestRecord
from run_contract.records.predict import ScoringRecord


def make_scorer_factory(arguments: JobArguments, spec: ModelSpec, precision: str) -> ImageScorerFactory:
    """Return the scorer factory of a run, without a base run.

    A new model is converted and checked against Keras first, on images of the run. Raises BatchPredictionsError.
    """
    workspace = Workspace(Path(arguments.workspace))
    run = workspace.run(arguments.run_key)
    root = Path(require_record(ManifestRecord, run.manifest_summary).root)
    choice = choose_engine(
        workspace,
        resolve_model(Path(arguments.model)),
        spec,
        arguments.engine,
        precision,
        verification_images(run, root, spec),
        CalibrationImages(run, root, spec),
    )
    golden_image = load_golden_image(spec, choice, workspace.converted_models)
    return ImageScorerFactory(str(root), spec, choice, golden_image, arguments.image_timeout)


def make_scoring_record(spec: ModelSpec, choice: EngineChoice) -> ScoringRecord:
    """Return the scoring.json of a run that is predicted with `choice`."""
    return ScoringRecord(
        model=spec.model_id,
        spec=asdict(spec),
        engine=choice.name,
        precision=choice.precision,
        band=choice.band,
        low=choice.low if choice.band is not None else None,
        versions=expected_versions(choice.name),
    )
