"""On the driver: how close a decision in bf16 must be for f32 to be asked again.

A label can only flip where the two precisions differ by more than the margin of the decision: the lead of the winning
label over the next, in logits. In logits, because there the difference is of one size from end to end; in
probabilities it is a hundred times larger where the sigmoid is steep than at its ends, where most images are. So every
image tells something about the few near the decision.

    band = max(6 * rms, largest difference seen)

rms is that of the differences in margin between bf16 and f32 over the calibration images. It varies little from sample
to sample, where the largest of 300 alone would vary by a factor of two. The factor 6 is for a tail longer than a normal
one: on 3,000 photos (MobileNetV2) one difference in 600 was above 5 rms, and the flip furthest from the decision was at
2.5 rms; on the same photos cropped, which the factor was not chosen on, one was at 6.6 rms. No image of the sample
flips; for others the band is an estimate: expect up to one flip in some thousands. See docs/decisions.md.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from image_scoring.contract import RunPaths, decode_path, shard_name, shard_numbers
from image_scoring.engines import Engine, EngineChoice, open_engine
from image_scoring.engines.cascade import EDGE, RECHECK_ONE_IN, logits_of, margins_of
from image_scoring.files import read_json, write_json
from image_scoring.manifest_shards import manifest_rows
from image_scoring.preprocess import ImageError, decode_image, preprocess, read_file
from image_scoring.spec import ModelSpec

log = logging.getLogger(__name__)

CALIBRATION_IMAGES = 300
FEWEST_IMAGES = 100
TAIL = 6.0
# Images held in memory at once.
BATCH = 16
# The cascade is for speed: one that is not expected to take less than this share of f32's time is not used.
WORTH_IT = 0.9


class NotCalibrated(Exception):
    """Why a cascade does not fit this model, these images or this machine."""


@dataclass(frozen=True)
class Calibration:
    """images: how many it rests on. band: in logits. share: of these images inside it.

    low_cost: seconds of an image in bf16 over those in f32.
    """

    images: int
    band: float
    share: float
    low_cost: float

    @property
    def cost(self) -> float:
        """The expected seconds of an image in the cascade over those in f32."""
        return self.low_cost + self.share + (1 - self.share) / RECHECK_ONE_IN


def calibrate(model_xml: Path, spec: ModelSpec, images: Iterable[NDArray[np.float32]]) -> Calibration:
    """The calibration of a converted model, from the file beside it when it was made for the same setting.

    images: preprocessed images (height, width, 3), consumed one after the other and only if they are needed.
    Raises NotCalibrated.
    """
    from image_scoring.engines.openvino_engine import has_native_bf16, platform_of_outputs

    if not has_native_bf16():
        raise NotCalibrated("the CPU of the driver has no bf16")
    setting = {**platform_of_outputs(), "preprocessing": spec.preprocessing, "threshold": spec.threshold}
    record = model_xml.parent / "calibrated-bf16.json"
    known: dict[str, Any] | None = read_json(record)
    if known is not None and known["setting"] == setting:
        log.info("model %s: already calibrated", spec.name)
        return Calibration(**known["calibration"])
    low, high = (open_engine(EngineChoice("openvino", precision, str(model_xml))) for precision in ("bf16", "f32"))
    calibration = measure(low, high, images, spec.threshold)
    check_worth_it(calibration)
    write_json(record, {"setting": setting, "calibration": asdict(calibration)})
    log.info(
        "model %s: calibrated on %d images; f32 decides up to a margin of %.2f logits, which is %.1f%% of them; "
        "bf16 takes %.0f%% of f32's time",
        spec.name,
        calibration.images,
        calibration.band,
        100 * calibration.share,
        100 * calibration.low_cost,
    )
    return calibration


def check_worth_it(calibration: Calibration) -> None:
    """Raises NotCalibrated when the cascade is not expected to be faster than f32."""
    if not calibration.cost <= WORTH_IT:
        raise NotCalibrated(
            f"bf16 takes {calibration.low_cost:.0%} of f32's time and f32 would decide {calibration.share:.0%} of the "
            "images again"
        )


def measure(low: Engine, high: Engine, images: Iterable[NDArray[np.float32]], threshold: float) -> Calibration:
    """Asks both engines about all images, BATCH by BATCH. Raises NotCalibrated when too few of them tell anything."""
    low_outputs: list[NDArray[np.float32]] = []
    high_outputs: list[NDArray[np.float32]] = []
    costs: list[float] = []
    for batch in _batches(images):
        if not low_outputs:  # the first call of an engine allocates
            low.predict(batch[:1]), high.predict(batch[:1])
        start = time.perf_counter()
        low_outputs.append(low.predict(batch))
        middle = time.perf_counter()
        high_outputs.append(high.predict(batch))
        costs.append((middle - start) / (time.perf_counter() - middle))
    count = sum(map(len, low_outputs))
    if count < FEWEST_IMAGES:
        raise NotCalibrated(f"only {count} images can be decoded, it takes {FEWEST_IMAGES} to calibrate")
    band, share = band_of(np.concatenate(low_outputs), np.concatenate(high_outputs), threshold)
    # The median: another process may take the core for a moment.
    return Calibration(count, band, share, float(np.median(costs)))


def band_of(low: NDArray[np.float32], high: NDArray[np.float32], threshold: float) -> tuple[float, float]:
    """The band in logits, and the share of the images inside it, for outputs (n, k) of the same images.

    Images on which both precisions are too sure for a float32 to say how sure are left out: they would make the
    difference look small. Raises NotCalibrated when fewer than FEWEST_IMAGES are left.
    """
    telling = ~(_saturated(low) & _saturated(high))
    if telling.sum() < FEWEST_IMAGES:
        raise NotCalibrated(
            f"only {telling.sum()} of {len(low)} images have a probability that is not 0 or 1, it takes "
            f"{FEWEST_IMAGES} to calibrate"
        )
    logits = logits_of(low, threshold)
    labels = logits.argmax(axis=1)
    margins = margins_of(logits, labels)
    difference = np.abs(margins - margins_of(logits_of(high, threshold), labels))[telling]
    band = max(TAIL * float(np.sqrt(np.mean(difference**2))), float(difference.max()))
    if not np.isfinite(band):
        raise NotCalibrated("an output in bf16 is not a number")
    return band, float(np.mean(margins <= band))


def _saturated(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    top = outputs.max(axis=1)
    return np.asarray((top > 1 - EDGE) | (top < EDGE))


def _batches(images: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    images = iter(images)
    while batch := list(islice(images, BATCH)):
        yield np.stack(batch)


def spread_images(
    run: RunPaths, root: Path, spec: ModelSpec, count: int = CALIBRATION_IMAGES
) -> Iterator[NDArray[np.float32]]:
    """Up to `count` preprocessed images (height, width, 3), spread evenly over the manifest; the same at each call.

    Those that cannot be decoded are left out.
    """
    for row in spread_rows(run, count, ["img_path"]):
        try:
            content = read_file(os.fsencode(root) + b"/" + decode_path(row["img_path"]))
            yield preprocess(decode_image(content, spec.input_size), spec.preprocessing)
        except ImageError:
            continue


def spread_rows(run: RunPaths, count: int, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Up to `count` rows of the manifest, spread evenly over it, with these of its columns; the same at each call.

    At most `count` shards are opened, one at a time.
    """
    shards = shard_numbers(run.manifest)
    shards = [shards[index] for index in _evenly(len(shards), count)]
    ends = np.cumsum([manifest_rows(run, shard) for shard in shards])
    rows = _evenly(int(ends[-1]), count)
    owners = np.searchsorted(ends, rows, side="right")
    for index, shard in enumerate(shards):
        table = pq.read_table(run.manifest / shard_name(shard), columns=columns)
        start = ends[index] - table.num_rows
        for row in rows[owners == index]:
            yield table.slice(int(row - start), 1).to_pylist()[0]


def _evenly(total: int, count: int) -> NDArray[np.intp]:
    """At most `count` of range(total): the middle of as many parts of even size."""
    count = min(total, count)
    return (2 * np.arange(count) + 1) * total // (2 * max(count, 1))
