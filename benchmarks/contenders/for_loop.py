"""The plain loop: one image at a time through Keras."""

from __future__ import annotations

import keras
import numpy as np
from keras.applications.mobilenet_v2 import preprocess_input

from benchmarks.contenders.job import Job, run


def predict(job: Job) -> list[str]:
    model = keras.models.load_model(job.model)
    labels = []
    for path in job.paths:
        image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
        outputs = model.predict(preprocess_input(image[np.newaxis]), verbose=0)
        labels.append(job.name(outputs[0, 0]))
    return labels


if __name__ == "__main__":
    run(predict)
