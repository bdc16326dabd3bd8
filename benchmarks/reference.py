"""The labels of Keras in f32 for every image, and the converted model: made once, outside all timing.

`python -m benchmarks.reference WORKSPACE IMAGES COUNT TARGET` makes them in its own process, so that TensorFlow is
loaded only there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Images
from local_stack.options import REPOSITORY
from run_contract.errors import BatchPredictionsError
from run_contract.files import sha256_of
from run_contract.layout import Workspace
from run_contract.record import Record, read_readable, require_record, write_record

MODEL = REPOSITORY / "models" / "cats_vs_dogs.h5"
CHECKED = 8


@dataclass(frozen=True)
class Reference(Record):
    """The labels of each original, in order. model_xml: the model converted to OpenVINO."""

    labels: tuple[str, ...]
    model_xml: str

    def agreeing(self, labels: list[str]) -> int:
        """Return how many of a contender's labels are those of Keras; after the originals the images repeat."""
        return sum(label == self.labels[index % len(self.labels)] for index, label in enumerate(labels))


def load_reference(images: Images, workspace: Path, environment: Mapping[str, str], log: Path) -> Reference:
    target = workspace / "reference" / f"{images.id}-{sha256_of(MODEL)[:12]}.json"
    known = read_readable(Reference, target)
    if known is not None and Path(known.model_xml).exists():
        return known
    words = [str(workspace), str(images.root), str(images.originals), str(target)]
    with open(log, "ab") as output:
        command = [sys.executable, "-m", "benchmarks.reference", *words]
        code = subprocess.run(command, env=environment, stdout=output, stderr=output).returncode
    if code:
        raise BatchPredictionsError(f"the labels of Keras: the process ended with code {code}; see {log}")
    return require_record(Reference, target)


def main(workspace: Path, root: Path, count: int, target: Path) -> None:
    import keras
    import numpy as np

    from image_scoring.model.engine_selection import choose_engine
    from image_scoring.model.output_labels import labels_of
    from image_scoring.model.spec import load_spec

    spec, _ = load_spec(MODEL)
    paths = sorted(root.iterdir())[:count]
    model = keras.models.load_model(MODEL)

    def load(part: list[Path]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        pixels = [keras.utils.img_to_array(keras.utils.load_img(path, target_size=spec.input_size)) for path in part]
        return np.asarray(keras.applications.mobilenet_v2.preprocess_input(np.stack(pixels)), dtype=np.float32)

    labels: list[str] = []
    for start in range(0, len(paths), 64):
        outputs = model.predict(load(paths[start : start + 64]), batch_size=64, verbose=0)
        labels += labels_of(outputs, spec)[0].tolist()
    engine = choose_engine(Workspace(workspace), MODEL, spec, "openvino", "f32", load(paths[:CHECKED]))
    write_record(target, Reference(tuple(labels), engine.path))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
