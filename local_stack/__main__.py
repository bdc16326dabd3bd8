"""`python -m local_stack run|up|down [NAME=VALUE ...]`: what `make run`, `make up` and `make down` call."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from batch_predictions.source import check_source
from image_scoring.model.safety import check_model_present
from local_stack.addresses import Addresses
from local_stack.airflow_api import AirflowApi, DagRun
from local_stack.command import console, run_command, say
from local_stack.follow import Lost, follow
from local_stack.options import Options, parse_options
from local_stack.stack import Stack
from local_stack.summary import summarize
from run_contract.layout import Workspace, run_key
from run_contract.record import read_readable
from run_contract.records.failure import FailureRecord


def run(options: Options) -> int:
    """Do one run on the workspace, on the stack that is up there or on a stack of its own."""
    check_early(options)
    stack = Stack(options, say)
    addresses = stack.running()
    if addresses:
        return run_on(stack, addresses, options)
    # The schedule starts tomorrow, so that unpausing the DAG starts no scheduled run beside this one.
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    addresses = stack.start(start_date=tomorrow.isoformat())
    try:
        return run_on(stack, addresses, options, own=True)
    finally:
        stack.end()


def run_on(stack: Stack, addresses: Addresses, options: Options, own: bool = False) -> int:
    """Follow one run to its end. own: the stack was started for this run alone."""
    workspace = Workspace(options.workspace)
    with closing(stack.api(addresses)) as api:
        dag_run = resume_or_trigger(api, options.params, own)
        api.unpause()
        if options.params.get("on_overrun") == "approve":
            say(f"Airflow       {addresses.airflow_url}  (user admin, password {stack.password})")
        files = workspace.run(run_key(dag_run.due))
        state = follow(api, dag_run.run_id, files, console, stack.check_alive)
    if state == "success":
        say(summarize(workspace, files))
        return 0
    failure = read_readable(FailureRecord, files.failure)
    if failure:
        say(f"error: {failure.task}: {failure.message}")
    else:
        say(f"error: a task failed; see the logs in {stack.layout.airflow_home}")
    return 1


def resume_or_trigger(api: AirflowApi, params: dict[str, Any], own: bool) -> DagRun:
    """Return the interrupted run that has these Params, or trigger a new one.

    own: nobody else uses the stack, so every other unfinished run was interrupted as well, and is marked as failed.
    """
    resumed = None
    for unfinished in api.unfinished_runs():
        if resumed is None and unfinished.conf == params and unfinished.run_type == "manual":
            resumed = unfinished
            say(f"resuming the interrupted run {unfinished.run_id}")
        elif own:
            say(f"giving up the interrupted run {unfinished.run_id}: this command asks for another one")
            api.give_up(unfinished.run_id)
    return resumed or api.trigger(params)


def check_early(options: Options) -> None:
    """Check what can be checked before anything is started. Raises a BatchPredictionsError."""
    if "source" in options.params:
        check_source(options.params["source"])
    if "model" in options.params:
        check_model_present(Path(options.params["model"]))


def up(options: Options) -> int:
    """Start a stack on the workspace, unless one is running there, and print its addresses."""
    stack = Stack(options, say)
    addresses = stack.running()
    if addresses is None:
        addresses = stack.start(start_date="")
        stack.leave_running(addresses)
    elsewhere = "" if options.workspace == parse_options([]).workspace else f" WORKSPACE={options.workspace}"
    say(
        f"Airflow       {addresses.airflow_url}  (user admin, password {stack.password})\n"
        f"Spark master  {addresses.master_web_url}  ({addresses.master_url})\n"
        f"Both keep running; stop them with make down{elsewhere}"
    )
    return 0


def down(options: Options) -> int:
    """End the stack of the workspace."""
    Stack(options, say).end()
    say("stopped")
    return 0


def main(arguments: list[str]) -> int:
    commands = {"run": run, "up": up, "down": down}
    if not arguments or arguments[0] not in commands:
        say("error: usage: python -m local_stack run|up|down [NAME=VALUE ...]")
        return 2
    command = commands[arguments[0]]
    return run_command(
        arguments[1:],
        lambda words: command(parse_options(words)),
        Lost,
        interrupted="interrupted; run the same command again to resume",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
