"""One predict attempt: it supersedes earlier ones, and progress.json shows how it ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from image_scoring.driver.fencing_token import AttemptSuperseded, FencingToken
from image_scoring.driver.progress import ProgressReporter
from run_contract.errors import BatchPredictionsError, TemporaryError
from run_contract.layout import RunPaths, Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """What every step of a predict attempt needs."""

    workspace: Workspace
    run: RunPaths
    fencing_token: FencingToken
    progress: ProgressReporter


@contextmanager
def begin_attempt(workspace: Workspace, run_key: str, image_timeout: float = 0.0) -> Iterator[Attempt]:
    """Yield a new attempt of a run. Afterwards progress.json says whether it finished or why it failed.

    image_timeout: seconds after which an image counts as hung. Raises BatchPredictionsError for any error in the block.
    When a newer attempt has taken over, raises AttemptSuperseded and leaves progress.json to the newer one.
    """
    run = workspace.run(run_key)
    fencing_token = FencingToken(run.fencing_token)
    progress = ProgressReporter(run.progress, run_key, fencing_token.value, image_timeout)
    try:
        yield Attempt(workspace, run, fencing_token, progress)
    except AttemptSuperseded:
        raise
    except BatchPredictionsError as error:
        fencing_token.check()
        progress.fail(error)
        raise
    except Exception as error:  # from Spark, from the disk, or a bug
        fencing_token.check()  # a newer attempt removes the files of this one, which is no failure of the run
        failure = explain(run_key, error)
        if isinstance(failure, TemporaryError):
            log.exception("predict failed")
        progress.fail(failure)
        raise failure from error
    progress.finish()


def explain(run_key: str, error: Exception) -> BatchPredictionsError:
    """Return an error in one line. A preflight error is not temporary: somebody has to change that worker first."""
    preflight = re.search(r"preflight: host .+", str(error))
    if preflight:
        return BatchPredictionsError(preflight[0].strip())
    return TemporaryError(
        f"run {run_key}: predict failed ({root_cause(error)}); run it again to continue with the missing shards"
    )


def root_cause(error: Exception) -> str:
    """Return the cause in one line of at most 300 characters.

    The last line of a Python traceback in the message, else the last cause that Java names, else the first line.
    """
    text = str(error)
    tracebacks = re.findall(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*(\S.*)", text)
    causes = tracebacks or re.findall(r"Caused by: (.+)", text)
    lines = [line for line in (causes or text.splitlines()) if line.strip()]
    return " ".join((lines[-1] if causes else lines[0] if lines else type(error).__name__).split())[:300]
