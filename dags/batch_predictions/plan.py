"""The task plan: makes the plan, and acts on a run that does not fit as the Param on_overrun says."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator

from batch_predictions.predict import job_arguments
from batch_predictions.run import explained, run_of, run_type, workspace
from run_contract.errors import BatchPredictionsError
from run_contract.files import read_json
from runtime_guard.airflow.channels import deliver
from runtime_guard.airflow.test_mode import runs_in_process
from runtime_guard.alerting.alerts import Alert, raise_alert
from runtime_guard.alerting.levels import Level

log = logging.getLogger(__name__)

APPROVE, REJECT = "Approve", "Reject"
# A run whose deadline is near or over all the same leaves a person the time to answer.
LEAST_WAIT = timedelta(minutes=15)


class PlanOperator(HITLOperator):
    """Forecasts the finish, and says whether it fits into the interval.

    on_overrun, for a run that does not fit: "warn" goes on, "refuse" fails, "approve" asks a person under Required
    Actions in Airflow's UI and holds no worker meanwhile. No answer until the deadline means no. The test commands of
    Airflow, where nobody could answer, never ask.
    """

    template_fields = ()  # a Param that holds `{{` is only ever a value

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            subject="A run that does not fit into its interval",
            options=[APPROVE, REJECT],
            defaults=[REJECT],
            response_timeout=LEAST_WAIT,
            **kwargs,
        )

    def execute(self, context: Any) -> None:
        explained(self._plan)(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        explained(self._decide)(context, event)

    def _plan(self, context: Any) -> None:
        from batch_predictions.missed import report_missed
        from batch_predictions.planning import describe

        report_missed(context)
        plan = plan_run(context)
        if plan["fits"] is not False:
            return
        on_overrun, key = context["params"]["on_overrun"], plan["run_key"]
        if on_overrun == "refuse":
            raise BatchPredictionsError(
                f"run {key}: {describe(plan)}; refused (on_overrun=refuse), nothing was predicted"
            )
        if on_overrun == "approve" and runs_in_process():
            log.warning("run %s: nobody is asked in a test, it goes on (on_overrun=approve)", key)
        elif on_overrun == "approve":
            self._ask(context, plan)

    def _ask(self, context: Any, plan: dict[str, Any]) -> None:
        """Ends this process; execute_complete goes on with the answer."""
        from batch_predictions.planning import describe

        now, key = datetime.now(UTC), plan["run_key"]
        self.response_timeout = max(datetime.fromisoformat(plan["deadline_at"]) - now, LEAST_WAIT)
        until = f"{now + self.response_timeout:%Y-%m-%d %H:%M} UTC"
        self.subject = f"Run {key} does not fit into its interval. Predict all the same?"
        self.body = f"{describe(plan)}\n\nForecast of {now:%Y-%m-%d %H:%M} UTC. No answer until {until} means {REJECT}."
        text = f"run {key}: {describe(plan)}; it waits until {until} for a person to approve it, under Required Actions"
        log.warning(text)
        alert = Alert(Level.APPROVAL, text)
        raise_alert(run_of(context), alert)
        deliver([alert])  # each time it asks
        super().execute(context)

    def _decide(self, context: Any, event: dict[str, Any]) -> None:
        from batch_predictions.planning import describe

        run = run_of(context)
        answer = super().execute_complete(context, event)
        who = (answer["responded_by_user"] or {}).get("name")
        if answer["chosen_options"] == [APPROVE]:
            log.info("run %s: approved by %s", run.run_key, who)
            return
        cause = f"rejected by {who}" if who else "nobody approved it in time"
        raise BatchPredictionsError(
            f"run {run.run_key}: {describe(read_json(run.plan))}; {cause} (on_overrun=approve), nothing was predicted; "
            "clear the task plan to be asked again"
        )


def plan_run(context: Any) -> dict[str, Any]:
    """The plan of the run of this task."""
    from batch_predictions.pace_measurement import measure_core_seconds
    from batch_predictions.planning import make_plan
    from batch_predictions.spark_master import find_capacity, load_spark_master
    from image_scoring.model.spec import load_spec
    from runtime_guard.airflow.schedule import find_run_interval
    from runtime_guard.forecast.interval import parse_interval

    params, dag_run, run = context["params"], context["dag_run"], run_of(context)
    interval = parse_interval(params["interval"]) if params["interval"] else None
    run_interval = find_run_interval(
        context["dag"], run_type(dag_run), dag_run.run_after, params["buffer"], interval, dag_run.start_date
    )
    capacity = find_capacity(load_spark_master(), params["workers"])
    return make_plan(
        workspace(),
        run,
        run_interval,
        capacity,
        dict(params),
        load_spec(Path(params["model"]))[0].model_id,
        datetime.now(UTC),
        dag_run.run_after,
        run_type(dag_run),
        lambda: measure_core_seconds(job_arguments(context)),
    )
