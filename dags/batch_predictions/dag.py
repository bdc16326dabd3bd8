"""
### Daily batch predictions

Every day: **download** the images, write the **manifest** (one row per image), **plan** whether the run fits into its
interval, **predict** with a Pandas UDF on Spark, **watch_runtime** meanwhile, **validate** that every image of the
manifest has exactly one row, and **publish** the table for its readers in one step.

**Knobs.** Each is a Param; the trigger form describes it. `source` (what to predict), `model`, `engine`, `precision`,
`only_new` (carry unchanged images over), `image_timeout`, `limit`, `workers`, `interval` and `buffer` (when a person
is told), `error_budget`, `on_overrun`.

**What makes a re-run safe.** A run has one directory, `runs/<run key>`, named by its logical date. The manifest is
written once and then is the truth; predictions are committed shard by shard, and a task that is cleared or retried
goes on with the missing ones. Nothing is published unless every image of the manifest has its row.

**When it does not fit.** `plan` forecasts the finish from the runs before, and before the first one from a short
measurement. For a forecast past the interval less `buffer`, `on_overrun` says what to do: `warn` and go on, `refuse`
before any core is spent, or `approve`: a person decides under Required Actions, and no answer until the deadline means
no.

**How to recover.** Read the one line at the end of the failed task's log: it names the object, the cause and what to
do. Mend that, then clear the task. The published table stays as it was meanwhile.

**When it is late.** `watch_runtime` logs one alert, with the cores that would rescue the run, and writes it to the
run's `alerts.jsonl`. It gates nothing. A Deadline Alert of Airflow stands behind it, for a run that is not over a
minute after its deadline and whose sensor has said nothing.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param, task

from batch_predictions import settings, tasks
from batch_predictions.params import PARAMS
from batch_predictions.plan import PlanOperator
from batch_predictions.predict import PredictOperator
from batch_predictions.run import run_of
from runtime_guard.airflow.deadline_alert import make_deadline_alert
from runtime_guard.airflow.sensor import RuntimeSensor

PUBLISHED = Asset("batch_predictions")

with DAG(
    dag_id="batch_predictions",
    description="Download, predict on Spark, validate, publish: every day, on time, with nothing lost",
    doc_md=__doc__,
    schedule="@daily",
    start_date=settings.START_DATE,
    catchup=False,
    max_active_runs=1,
    params={name: Param(param.default, **param.schema) for name, param in PARAMS.items()},
    tags=["batch-inference", "spark"],
    deadline=make_deadline_alert(settings.WORKSPACE),
    default_args={
        "owner": "batch-predictions",
        "retries": 3,
        "retry_delay": settings.RETRY_DELAY,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
) as dag:
    download = task(execution_timeout=timedelta(hours=8))(tasks.download)()
    manifest = task(execution_timeout=timedelta(hours=8))(tasks.manifest)()
    plan = PlanOperator(task_id="plan", execution_timeout=timedelta(minutes=5))
    predict = PredictOperator(task_id="predict", execution_timeout=timedelta(days=7))
    watch_runtime = RuntimeSensor(
        task_id="watch_runtime",
        watched_task_id="predict",
        run_of=run_of,
        poll_seconds=5,
        execution_timeout=timedelta(days=7),
    )
    validate = task(execution_timeout=timedelta(hours=8))(tasks.validate)()
    publish = task(execution_timeout=timedelta(hours=8), outlets=[PUBLISHED])(tasks.publish)()

    download >> manifest >> plan >> [predict, watch_runtime]
    predict >> validate >> publish
