"""`python -m benchmarks [NAME=VALUE ...]`: what `make bench` calls."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.command import run_benchmark
from benchmarks.data import prepare_images
from benchmarks.figures import summarize
from benchmarks.lineup import CONTENDERS
from benchmarks.machine import describe_machine
from benchmarks.options import Options, parse_options
from benchmarks.plot import draw
from benchmarks.reference import load_reference
from benchmarks.spark_cluster import standalone_cluster
from benchmarks.table import WIDTH, make_table, notes
from local_stack.command import console, say
from run_contract.files import write_json


def bench(options: Options) -> int:
    """Returns 1 when a contender failed; those that are not installed are only listed."""
    wanted = [contender for contender in CONTENDERS if not options.only or contender.name in options.only]
    workspace = options.workspace
    machine = describe_machine(options.cores)
    say(f"images: {options.images:,} from {options.source or 'the sample, varied'}")
    images = prepare_images(options.source, options.images, workspace)
    with standalone_cluster(workspace, options.cores, say) as cluster:
        say("labels of Keras in f32, to compare with")
        reference = load_reference(images, workspace, cluster.environment, workspace / "reference.log")
        running = Bench(workspace, cluster, images, reference, options.cores, say)
        running.run([contender for contender in wanted if not contender.missing], options.rounds)
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "source": images.source,
        "images": len(images.names),
        "different_images": images.originals,
        "rounds": options.rounds,
        "contenders": summarize(wanted, running.rounds, running.failures, len(images.names)),
    }
    write_json(options.output / "results.json", results)
    draw(results, options.output / "results.png")
    Console(width=max(console.width, WIDTH)).print(make_table(results))
    for note in notes(results):
        say(note)
    say(f"written: {options.output / 'results.json'} and results.png")
    return 1 if running.failures else 0


def main(words: list[str]) -> int:
    return run_benchmark(words, parse_options, bench)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
