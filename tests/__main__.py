"""Run the slow tests in two lanes: containers wait for packages and disks, the others compute.

python -m tests; PYTEST_ADDOPTS holds for both. The output of the first lane follows at the end, in one piece.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

CONTAINERS = ("tests/containers", "tests/compose")


def main() -> int:
    """Return the exit code: that of a lane that failed, or 0."""
    pytest = [sys.executable, "-m", "pytest", "-m", "slow and not nightly"]
    with tempfile.TemporaryFile() as log:
        containers = subprocess.Popen([*pytest, *CONTAINERS], stdout=log, stderr=subprocess.STDOUT)
        others = subprocess.Popen([*pytest, *(f"--ignore={directory}" for directory in CONTAINERS)])
        # Ctrl-C reaches both lanes directly, and each ends the processes that it has started.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        codes = others.wait(), containers.wait()
        log.seek(0)
        sys.stdout.buffer.write(log.read())
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
