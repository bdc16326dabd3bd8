"""A real process that makes no progress is ended, even when its interpreter is blocked."""

from __future__ import annotations

import subprocess
import sys

from tests.helpers import PATIENCE
from tests.integration.commands import project_path

START = """
import ctypes, time
from image_scoring.worker.watchdog import Watchdog
hang_in_c_with_the_gil = ctypes.PyDLL(None).sleep
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + program],
        env=project_path(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_hang_in_c_that_holds_the_gil_is_ended_with_a_traceback() -> None:
    ended = run("with Watchdog(0.5):\n    hang_in_c_with_the_gil(600)")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout (0:00:00.500000)!")
    assert 'File "<string>"' in ended.stderr


def test_the_traceback_goes_to_the_real_stderr() -> None:
    ended = run("import io, sys\nsys.stderr = io.StringIO()\nwith Watchdog(0.5):\n    hang_in_c_with_the_gil(600)")
    assert ended.stderr.startswith("Timeout (")


def test_a_process_that_feeds_the_watchdog_outlives_the_timeout() -> None:
    ended = run(
        "with Watchdog(2.0) as watchdog:\n"
        "    for _ in range(25):\n"
        "        time.sleep(0.1)\n"
        "        watchdog.feed()\n"
        "print('alive')"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "alive\n", "")


def test_a_process_that_feeds_it_only_once_is_ended() -> None:
    ended = run("with Watchdog(0.5) as watchdog:\n    watchdog.feed()\n    hang_in_c_with_the_gil(600)")
    assert ended.returncode == 1


def test_nothing_is_ended_outside_the_block_and_each_block_starts_the_timer_again() -> None:
    ended = run(
        "watchdog = Watchdog(0.5)\n"
        "for _ in range(2):\n"
        "    with watchdog:\n"
        "        pass\n"
        "    hang_in_c_with_the_gil(1)\n"
        "print('alive', flush=True)\n"
        "with watchdog:\n"
        "    hang_in_c_with_the_gil(600)"
    )
    assert (ended.returncode, ended.stdout) == (1, "alive\n")
