"""The usual notebook: a Pandas UDF that loads the Keras model, lists of pixels, small batches."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf

from benchmarks.contenders.job import Job, run


def predict(job: Job) -> list[str]:
    spark = (
        SparkSession.builder.master(job.master).config("spark.sql.execution.arrow.maxRecordsPerBatch", 5).getOrCreate()
    )
    model_file = job.model

    @pandas_udf("float")
    def probability(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        import keras
        import numpy as np
        from keras.applications.mobilenet_v2 import preprocess_input

        model = keras.models.load_model(model_file)
        for paths in batches:
            images = []
            for path in paths:
                image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
                images.append(preprocess_input(image).tolist())
            yield pd.Series(model.predict(np.array(images), verbose=0)[:, 0])

    images = spark.createDataFrame(pd.DataFrame({"path": job.paths})).repartition(job.cores)
    rows = images.select("path", probability("path").alias("probability")).collect()
    spark.stop()
    found = {row.path: job.name(row.probability) for row in rows}
    return [found[path] for path in job.paths]


if __name__ == "__main__":
    run(predict)
