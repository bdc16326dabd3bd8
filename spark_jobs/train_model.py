"""Train the model models/cats_vs_dogs.h5.

    python spark_jobs/train_model.py --photos cats_and_dogs_filtered --drawings DIR --out models/cats_vs_dogs.h5

A classic transfer-learning model: a frozen ImageNet MobileNetV2 without its top, 224x224, average pooling, and one
sigmoid unit (Dog above 0.5). The backbone does not change, so its 1,280 features are computed once per image and only
the head is trained on them. Writes the model, its spec and its model card.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from numpy.typing import NDArray

from image_scoring.images.errors import ImageError
from image_scoring.images.loading import load_image
from image_scoring.images.preprocessing_mode import Preprocessing
from image_scoring.model.spec import ModelSpec, save_spec
from run_contract.files import sha256_of

CLASSES = {"cats": 0, "dogs": 1}
INPUT_SIZE = (224, 224)
SEED = 20
BATCH = 64

CARD = """# cats_vs_dogs.h5

| | |
|---|---|
| Task | binary classification of an image: Cat or Dog (Dog when the output is above 0.5) |
| Architecture | Keras MobileNetV2 (alpha 1.0, no top, frozen) → average pooling → Dense(1, sigmoid) |
| Input | (n, 224, 224, 3) float32, RGB, nearest-neighbour resize, scaled to [-1, 1] (preprocessing `tf`) |
| Output | (n, 1) float32, probability of Dog |
| Backbone weights | ImageNet, from keras.applications, Apache License 2.0 |
| Training photos | {photos}: the train split of cats_and_dogs_filtered.zip (a subset of the Kaggle Dogs vs. Cats \
photos), https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip |
| Training drawings | {drawings}: emoji drawings by sample/draw_images.py, in other variations than those in \
sample/, so that the offline sample resembles the training data |
| Accuracy, validation photos | {validation:.3f} of {validation_count} |
| Accuracy, the same without the drawings | {without:.3f} |
| Accuracy, training photos | {train:.3f} |
| Accuracy, sample/images (never trained on) | {sample:.3f} of {sample_count} |
| Keras, Python | {keras}, {python} |
| sha256 | `{sha256}` |
| Made on | {today} |
| Licence of this file | Apache License 2.0, like the backbone; it contains no photo |

Command:

    python sample/draw_images.py train DRAWINGS --font NotoColorEmoji.ttf
    python spark_jobs/train_model.py --photos cats_and_dogs_filtered --drawings DRAWINGS --out models/cats_vs_dogs.h5

Limits: the model has two classes only. An image of anything else gets one of the two labels, often with a high
probability. Check the class balance of a run, and use your own model for your own images.
"""


def load_folder(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return images (n, 224, 224, 3) and targets (n,) of a folder with cats/ and dogs/; skips undecodable files."""
    images, targets = [], []
    for name, target in CLASSES.items():
        for path in sorted((folder / name).iterdir()):
            try:
                images.append(load_image(os.fsencode(path), INPUT_SIZE, Preprocessing.TF))
            except ImageError:
                continue
            targets.append(target)
    if not images:
        sys.exit(f"train_model: no images below {folder / 'cats'} and {folder / 'dogs'}; give a folder that has them")
    return np.stack(images), np.array(targets, dtype=np.float32)


def train_head(features: NDArray[np.float32], targets: NDArray[np.float32]) -> Any:
    """Return a Dense(1, sigmoid) layer fitted on features (n, 1280) and targets (n,)."""
    keras.utils.set_random_seed(SEED)
    head = keras.Sequential([keras.Input((features.shape[1],)), keras.layers.Dense(1, activation="sigmoid")])
    head.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    head.fit(features, targets, batch_size=32, epochs=20, verbose=0)
    return head.layers[-1]


def accuracy(model: Any, images: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    """Return the share of images (n, 224, 224, 3) with the right label."""
    probabilities = model.predict(images, batch_size=BATCH, verbose=0)[:, 0]
    return float(np.mean((probabilities > 0.5) == (targets > 0.5)))


def assemble(backbone: Any, head: Any) -> Any:
    """Return the whole model: the backbone and the trained head."""
    layer = keras.layers.Dense(1, activation="sigmoid", name="dog")
    model = keras.Model(backbone.input, layer(backbone.output), name="cats_vs_dogs")
    layer.set_weights(head.get_weights())
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with train/ and validation/")
    parser.add_argument("--drawings", type=Path, required=True, help="folder with cats/ and dogs/")
    parser.add_argument("--sample", type=Path, default=Path(__file__).parents[1] / "sample" / "images")
    parser.add_argument("--weights", default="imagenet", help="local weights file; default: Keras downloads them")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    backbone = keras.applications.MobileNetV2(
        input_shape=(*INPUT_SIZE, 3), include_top=False, pooling="avg", weights=arguments.weights
    )
    backbone.trainable = False
    photos, photo_targets = load_folder(arguments.photos / "train")
    drawings, drawing_targets = load_folder(arguments.drawings)
    photo_features, drawing_features = (
        backbone.predict(images, batch_size=BATCH, verbose=2) for images in (photos, drawings)
    )
    model = assemble(
        backbone,
        train_head(
            np.concatenate([photo_features, drawing_features]), np.concatenate([photo_targets, drawing_targets])
        ),
    )
    photos_only = assemble(backbone, train_head(photo_features, photo_targets))
    validation = load_folder(arguments.photos / "validation")
    sample = load_folder(arguments.sample)

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    model.save(arguments.out)
    spec = ModelSpec(name=arguments.out.stem, sha256=sha256_of(arguments.out), input_size=INPUT_SIZE)
    save_spec(arguments.out, spec)
    card = CARD.format(
        photos=len(photos),
        drawings=len(drawings),
        validation=accuracy(model, *validation),
        validation_count=len(validation[0]),
        without=accuracy(photos_only, *validation),
        train=accuracy(model, photos, photo_targets),
        sample=accuracy(model, *sample),
        sample_count=len(sample[0]),
        keras=keras.__version__,
        python=sys.version.split()[0],
        sha256=spec.sha256,
        today=datetime.now(UTC).date(),
    )
    arguments.out.with_suffix(".md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    main()
