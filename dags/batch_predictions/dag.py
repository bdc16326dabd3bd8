"""
### Daily batch predictions

Every day this DAG predicts a label for each image of a source and publishes the results as one table.

| Task | What it does |
|---|---|
| **download** | brings the images into the workspace, verified, once for the same content |
| **manifest** | lists the images, one row each; from then on the manifest defines the run |
| **plan** | forecasts the finish and checks that the run fits into its interval |
| **predict** | predicts every image on Spark with a Pandas UDF |
| **watch_runtime** | runs beside predict and alerts if the run is likely to be late |
| **validate** | checks that every image of the manifest has exactly one row |
| **publish** | makes the table visible to its readers in one step |

**Params.** The trigger form describes each of them.

- What to predict: `source`, `limit` (at most N images), `only_new` (reuse the predictions of unchanged images).
- With what: `model`, `engine`, `precision`, `workers` (at most N Spark workers), `image_timeout`.
- When it must end: `interval` (by default one interval of the schedule), `buffer` (the share of it to keep free),
  `on_overrun` (what to do if the run does not fit).
- What may be published: `error_budget` (the highest share of error rows).

**Retries are safe.** A run has one directory, `runs/<run key>`, named by its logical date. The manifest is written
once, and predictions are committed shard by shard: a task that is retried or cleared continues with the missing shards.
Nothing is published unless every image of the manifest has its row.

**If the run does not fit.** `plan` forecasts the finish from earlier runs, or from a short measurement if there are
none. If the forecast ends within the buffer or later, `on_overrun` decides: `warn` continues, `refuse` fails before
anything is predicted, and `approve` asks a person under Required Actions; no answer by the deadline counts as a
rejection.

**If a task fails.** Read the last line of its log: it names the object, the cause and the next step. Fix the cause,
then clear the task. The published table does not change meanwhile.

**If the run is late.** `watch_runtime` logs an alert with the workers to add, sends it through the configured channels
and writes it to the run's `alerts.jsonl`. It never blocks the run. A Deadline Alert of Airflow reports a run that
has not ended one minute after its deadline, unless the sensor has done so.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param, task

from batch_predictions import settings, tasks
from batch_predictions.context import run_directory
from batch_predictions.params import PARAMS
from batch_predictions.plan import PlanOperator
from batch_predictions.predict import PredictOperator
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
        directory_of=run_directory,
        poll_seconds=5,
        execution_timeout=timedelta(days=7),
    )
    validate = task(execution_timeout=timedelta(hours=8))(tasks.validate)()
    publish = task(execution_timeout=timedelta(hours=8), outlets=[PUBLISHED])(tasks.publish)()

    download >> manifest >> plan >> [predict, watch_runtime]
    predict >> validate >> publish
