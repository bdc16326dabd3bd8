"""Spark's own helper for inference, predict_batch_udf, with Keras in batches of 64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import SparkSession
from pyspark.sql.types import FloatType

from benchmarks.contenders.job import Job, run


def predict(job: Job) -> list[str]:
    spark = SparkSession.builder.master(job.master).getOrCreate()
    model_file = job.model

    def make_predict() -> Callable[[Any], Any]:
        import keras
        from keras.applications.mobilenet_v2 import preprocess_input

        model = keras.models.load_model(model_file)

        def predict_paths(paths: Any) -> Any:
            images = [keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224))) for path in paths]
            return model.predict(preprocess_input(np.stack(images)), batch_size=64, verbose=0)[:, 0]

        return predict_paths

    probability = predict_batch_udf(make_predict, return_type=FloatType(), batch_size=64)
    images = spark.createDataFrame(pd.DataFrame({"path": job.paths})).repartition(job.cores)
    rows = images.select("path", probability("path").alias("probability")).collect()
    spark.stop()
    found = {row.path: job.name(row.probability) for row in rows}
    return [found[path] for path in job.paths]


if __name__ == "__main__":
    run(predict)
