"""A real engine whose output is the brightness of an image, and grey images for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.engines.engine import EngineChoice
from image_scoring.model.spec import ModelSpec
from image_scoring.worker.golden_image import load_golden_image
from image_scoring.worker.image_scorer_factory import ImageScorerFactory
from run_contract.image_paths import encode_path

SPEC = ModelSpec("grey", "0" * 64, input_size=(4, 6), preprocessing=Preprocessing.RESCALE)
Columns = tuple[pd.Series, pd.Series, pd.Series]


def save_brightness(xml: Path, gains: tuple[float, ...] = (1.0,)) -> EngineChoice:
    """Save a converted model whose outputs are `gains` times the mean brightness of an image, 0 to 1."""
    import openvino as ov
    from openvino import opset13 as ops

    images = ops.parameter([1, *SPEC.input_size, 3], np.float32, name="images")
    means = ops.unsqueeze(ops.reduce_mean(images, np.array([1, 2, 3]), keep_dims=False), np.array(1))
    outputs = ops.multiply(means, np.array([gains], np.float32))
    xml.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model([outputs], [images], "brightness"), xml, compress_to_fp16=False)
    return EngineChoice("openvino", "f32", str(xml))


def make_factory(root: Path, image_timeout: float = 60.0) -> ImageScorerFactory:
    """Return the factory of a run over the images in `root`/images."""
    (root / "images").mkdir()
    choice = save_brightness(root / "converted" / "model.xml")
    golden_image = load_golden_image(SPEC, choice, root / "converted")
    return ImageScorerFactory(str(root / "images"), SPEC, choice, golden_image, image_timeout)


def save_grey(factory: ImageScorerFactory, value: int, name: str | None = None) -> str:
    """Save a new image of that brightness, 0 to 255; return its img_path."""
    name = name or f"{value:03d}.png"
    Image.new("RGB", (5, 5), (value, value, value)).save(Path(factory.dataset_root) / name)
    return encode_path(name.encode())


def manifest_columns(factory: ImageScorerFactory, names: Sequence[str]) -> Columns:
    """Return img_path, size_bytes and modified_ns as in a manifest that is written now."""
    files = [Path(factory.dataset_root) / name for name in names]
    found = [file.stat() if file.exists() else None for file in files]
    return (
        pd.Series(names, dtype=object),
        pd.Series([item.st_size if item else 0 for item in found], dtype="int64"),
        pd.Series([item.st_mtime_ns if item else 0 for item in found], dtype="int64"),
    )
