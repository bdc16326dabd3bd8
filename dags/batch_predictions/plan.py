"""The task plan: make the plan, and act on a run that does not fit as the Param on_overrun requires."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator

from batch_predictions.context import run_of, run_type, workspace
from batch_predictions.failures import reports_failure
from batch_predictions.plan_text import describe_plan
from batch_predictions.predict import job_arguments
from run_contract.errors import BatchPredictionsError
from run_contract.formatting import clock
from run_contract.record import require_record
from run_contract.records.plan import PlanRecord
from runtime_guard.airflow.airflow_internals import runs_in_process
from runtime_guard.airflow.alert_connection import send_alerts
from runtime_guard.alerting.alerts import raise_alert
from runtime_guard.alerting.levels import Level
from runtime_guard.alerting.watched_run import Alert
from runtime_guard.batch_run import BatchRun

log = logging.getLogger(__name__)

APPROVE, REJECT = "Approve", "Reject"
LEAST_WAIT = timedelta(minutes=15)
"""A person gets at least this long to answer, even if the deadline is near or over."""


class PlanOperator(HITLOperator):
    """Forecast the finish of the run, and act if it does not fit into its interval.

    on_overrun: "warn" continues, "refuse" fails, "approve" asks a person under Required Actions in Airflow's UI and
    occupies no worker meanwhile. No answer by the deadline counts as a rejection. Airflow's test commands, where
    nobody can answer, continue without asking.
    """

    template_fields = ()  # a Param that contains `{{` is data, never a template

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="A run that does not fit into its interval",
            options=[APPROVE, REJECT],
            defaults=[REJECT],
            response_timeout=LEAST_WAIT,
            **kwargs,
        )

    def execute(self, context: Any) -> None:
        reports_failure(self._plan)(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        reports_failure(self._decide)(context, event)

    def _plan(self, context: Any) -> None:
        from batch_predictions.missed_runs import report_missed_runs

        report_missed_runs(context)
        plan = plan_run(context)
        if plan.fits is not False:
            return
        on_overrun = context["params"]["on_overrun"]
        if on_overrun == "refuse":
            raise _not_predicted(plan, "refused (on_overrun=refuse)", "add workers, then clear the task plan")
        if on_overrun == "approve" and runs_in_process():
            log.warning("run %s: continues without approval, because this is a test (on_overrun=approve)", plan.run_key)
        elif on_overrun == "approve":
            self._ask(context, plan)

    def _ask(self, context: Any, plan: PlanRecord) -> None:
        """Ask for approval and end this process; Airflow calls execute_complete with the answer."""
        now, key = datetime.now(UTC), plan.run_key
        self.response_timeout = max((plan.deadline_at or now) - now, LEAST_WAIT)
        until = clock(now + self.response_timeout)
        self.subject = f"Run {key} does not fit into its interval. Predict anyway?"
        self.body = f"{describe_plan(plan)}\n\nForecast of {clock(now)}. No answer by {until} means {REJECT}."
        text = f"run {key}: {describe_plan(plan)}; waits until {until} for approval under Required Actions"
        log.warning(text)
        alert = Alert(Level.APPROVAL, text)
        raise_alert(BatchRun(run_of(context)), alert)
        send_alerts([alert])  # for each request, although the alert is recorded once
        super().execute(context)

    def _decide(self, context: Any, event: dict[str, Any]) -> None:
        run = run_of(context)
        answer = super().execute_complete(context, event)
        who = (answer["responded_by_user"] or {}).get("name")
        if answer["chosen_options"] == [APPROVE]:
            log.info("run %s: approved by %s", run.run_key, who)
            return
        cause = f"rejected by {who}" if who else "nobody approved it in time"
        plan = require_record(PlanRecord, run.plan)
        raise _not_predicted(plan, f"{cause} (on_overrun=approve)", "clear the task plan to be asked again")


def _not_predicted(plan: PlanRecord, cause: str, next_step: str) -> BatchPredictionsError:
    return BatchPredictionsError(
        f"run {plan.run_key}: {describe_plan(plan)}; {cause}, nothing was predicted; {next_step}"
    )


def plan_run(context: Any) -> PlanRecord:
    """Make the plan for the run of this task."""
    from batch_predictions.pace_measurement import measure_core_seconds
    from batch_predictions.planning import PlanRequest, make_plan
    from batch_predictions.spark_master import find_capacity, load_spark_master
    from image_scoring.model.spec import load_spec
    from runtime_guard.airflow.schedule import find_run_interval
    from runtime_guard.forecast.interval import parse_interval

    params, dag_run = context["params"], context["dag_run"]
    interval = parse_interval(params["interval"]) if params["interval"] else None
    kind = run_type(dag_run)
    request = PlanRequest(
        run_type=kind,
        run_after=dag_run.run_after,
        interval=find_run_interval(
            context["dag"], kind, dag_run.run_after, params["buffer"], interval, dag_run.start_date
        ),
        capacity=find_capacity(load_spark_master(), params["workers"]),
        model_id=load_spec(Path(params["model"]))[0].model_id,
        engine=params["engine"],
        precision=params["precision"],
        only_new=params["only_new"],
    )
    return make_plan(
        workspace(),
        run_of(context),
        request,
        datetime.now(UTC),
        lambda: measure_core_seconds(job_arguments(context)),
    )
