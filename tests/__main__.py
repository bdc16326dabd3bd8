"""All tests in two lanes at a time: those of the containers wait for packages and disks, the others compute.

python -m tests; PYTEST_ADDOPTS holds for both. What the containers' lane prints comes at the end, in one piece.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

CONTAINERS = ("tests/containers", "tests/compose")


def main() -> int:
    """The exit code: that of the lane that failed, if one did."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as log:
        containers = subprocess.Popen([*pytest, *CONTAINERS], stdout=log, stderr=subprocess.STDOUT)
        others = subprocess.Popen([*pytest, *(f"--ignore={directory}" for directory in CONTAINERS)])
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C reaches both lanes by itself, and each ends what it started
        codes = others.wait(), containers.wait()
        log.seek(0)
        sys.stdout.buffer.write(log.read())
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
