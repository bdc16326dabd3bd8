"""What this project adds to Airflow: the only AirflowPlugin subclass."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class BatchPredictionsPlugin(AirflowPlugin):
    name = "batch_predictions"
