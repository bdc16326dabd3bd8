"""Open the scorers of images, after checking that this worker computes what the driver computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.engines.opening import open_engine
from image_scoring.model.spec import ModelSpec
from image_scoring.worker.golden_image import GoldenImage, check_engine, check_model
from image_scoring.worker.image_scorer import ImageScorer
from image_scoring.worker.incremental import BaseRun
from image_scoring.worker.incremental_scorer import IncrementalScorer
from image_scoring.worker.isolated_scorer import IsolatedScorer
from image_scoring.worker.scorer import Scorer
from image_scoring.worker.watchdog import Watchdog


@dataclass(frozen=True)
class ImageScorerFactory:
    """All that a Python worker needs to predict the images of a run; small enough to travel with each Spark task.

    dataset_root: the directory that the manifest's paths are relative to. image_timeout: seconds after which an image
    counts as hung. base_run: of an incremental run.
    """

    dataset_root: str
    spec: ModelSpec
    engine: EngineChoice
    golden_image: GoldenImage
    image_timeout: float
    base_run: BaseRun | None = None

    @property
    def model_id(self) -> str:
        return self.spec.model_id

    def open(self) -> Scorer:
        """Open the fast scorer. Raises PreflightError, at once or with the first image that is not carried over."""
        return self._incremental(self._open_image_scorer)

    def open_isolated(self) -> Scorer:
        """Open the scorer for a Spark task that failed before: it survives an image that crashes or hangs Python."""
        # The parent's timeout must expire first, because only the parent can write the error row.
        for_child = replace(self, image_timeout=2 * self.image_timeout, base_run=None)
        return self._incremental(lambda: IsolatedScorer(for_child, self.image_timeout))

    def _incremental(self, open_scorer: Callable[[], Scorer]) -> Scorer:
        return IncrementalScorer(open_scorer, self.base_run) if self.base_run else open_scorer()

    def _open_image_scorer(self) -> ImageScorer:
        check_model(self.golden_image, self.engine)
        engine = open_engine(self.engine)
        check_engine(self.golden_image, self.spec, self.engine, engine)
        engine.take_counts()  # leave out the golden image
        return ImageScorer(self.dataset_root, self.spec, engine, Watchdog(self.image_timeout))
