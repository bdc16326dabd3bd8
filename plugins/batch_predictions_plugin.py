"""What this project adds to Airflow: the only AirflowPlugin subclass."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from runtime_guard.backstop import RunDeadline


class BatchPredictionsPlugin(AirflowPlugin):
    name = "batch_predictions"
    deadline_references: ClassVar = [RunDeadline]
