"""The rounds: every contender in turn, each in a fresh process, on one image a core and then on all of its images."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders import ours
from benchmarks.contenders.job import Job
from benchmarks.data import Images
from benchmarks.figures import round_figures
from benchmarks.lineup import OURS, Contender
from benchmarks.measure import ContenderError, Measured, measure
from benchmarks.reference import MODEL, Reference
from benchmarks.spark_cluster import Cluster
from image_scoring.model.spec import load_spec
from run_contract.arguments import JobArguments
from run_contract.layout import Workspace

START_SECONDS = 180.0  # what a start may take on a slow machine


@dataclass(frozen=True)
class Answer:
    """One measured job. report: what the contender says of itself."""

    measured: Measured
    labels: list[str]
    report: dict[str, Any] = field(default_factory=dict)


@dataclass
class Bench:
    """What the contenders share. rounds: the figures of each contender, in the order of the rounds."""

    workspace: Path
    cluster: Cluster
    images: Images
    reference: Reference
    cores: int
    say: Callable[[str], None]
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._labels = load_spec(MODEL)[0].labels
        self._logs = self.workspace / "logs"
        self._logs.mkdir(exist_ok=True)

    def run(self, contenders: list[Contender], rounds: int) -> None:
        """Fills `rounds` and `failures`; a contender that failed is left out of what follows."""
        for contender in contenders:
            if contender.module == OURS:
                self.say(f"warming up {contender.name}")
                self._warm_up(contender)
        began, turns = time.monotonic(), rounds * len(contenders)
        for turn in range(turns):
            contender = contenders[turn % len(contenders)]
            self.say(f"round {turn // len(contenders) + 1} of {rounds}  {contender.name}: {self._take_turn(contender)}")
            left = (time.monotonic() - began) / (turn + 1) * (turns - turn - 1)
            self.say(f"    {turn + 1} of {turns} turns done, about {left / 60:.1f} min left")

    def _warm_up(self, contender: Contender) -> None:
        """The first run of a workspace converts the model and calibrates the cascade, on all images: untimed."""
        try:
            self._answer(contender, len(self.images.names))
        except ContenderError as error:
            self.failures[contender.name] = str(error)
            self.say(f"error: {error}")

    def _take_turn(self, contender: Contender) -> str:
        """What to say of it."""
        if contender.name in self.failures:
            return "left out"
        most = min(contender.most or len(self.images.names), len(self.images.names))
        few = min(self.cores, most)
        try:
            start = self._answer(contender, few)
            full = self._answer(contender, most)
        except ContenderError as error:
            self.failures[contender.name] = str(error)
            return f"error: {error}"
        figures = round_figures(start.measured, few, full.measured, most, len(self.images.names))
        figures |= {"labels_as_keras": self.reference.agreeing(full.labels), "report": full.report}
        self.rounds.setdefault(contender.name, []).append(figures)
        return f"{most:,} images in {full.measured.seconds:.1f} s, one a core in {start.measured.seconds:.1f} s"

    def _answer(self, contender: Contender, count: int) -> Answer:
        """One job on the first `count` images. Raises ContenderError, also when not every image has a label."""
        answer = (self._submit if contender.module == OURS else self._run_module)(contender, count)
        self.cluster.wait_until_idle()
        if len(answer.labels) != count:
            raise ContenderError(f"{contender.name}: {len(answer.labels)} labels for {count} images")
        return answer

    def _run_module(self, contender: Contender, count: int) -> Answer:
        answer, job_file = self.workspace / "answer.json", self.workspace / "job.json"
        answer.unlink(missing_ok=True)
        Job(
            root=str(self.images.root),
            images=self.images.names[:count],
            model=str(MODEL),
            model_xml=self.reference.model_xml,
            labels=(self._labels[0], self._labels[1]),
            precision=contender.precision,
            cores=self.cores,
            master=self.cluster.master_url,
            answer=str(answer),
        ).write(job_file)
        module = f"benchmarks.contenders.{contender.module}"
        measured = self._timed(contender, [sys.executable, "-m", module, str(job_file)], count)
        return Answer(measured, json.loads(answer.read_text(encoding="utf-8")))

    def _submit(self, contender: Contender, count: int) -> Answer:
        run_key = f"bench-{contender.name}"
        run = ours.prepare(Workspace(self.workspace), run_key, self.images.root, self._labels, count)
        arguments = JobArguments(
            workspace=str(self.workspace),
            run_key=run_key,
            model=str(MODEL),
            engine="openvino",
            precision=contender.precision,
        )
        words = ours.command(self.cluster.environment, self.cluster.master_url, arguments)
        measured = self._timed(contender, words, count)
        return Answer(measured, ours.read_labels(run), ours.read_report(run))

    def _timed(self, contender: Contender, command: list[str], count: int) -> Measured:
        log = self._logs / f"{contender.name}.log"
        limit = START_SECONDS + count / contender.slowest
        return measure(contender.name, command, self.cluster.environment, log, limit, self.cluster.worker)
