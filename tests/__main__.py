"""All tests in two lanes at a time: containers and browser wait for packages, disks and pages, the others compute.

python -m tests; PYTEST_ADDOPTS holds for both. What the first lane prints comes at the end, in one piece.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

APART = ("tests/containers", "tests/compose", "tests/ui")


def main() -> int:
    """The exit code: that of the lane that failed, if one did."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as log:
        apart = subprocess.Popen([*pytest, *APART], stdout=log, stderr=subprocess.STDOUT)
        others = subprocess.Popen([*pytest, *(f"--ignore={directory}" for directory in APART)])
        # Ctrl-C reaches both lanes by itself, and each ends what it started.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        codes = others.wait(), apart.wait()
        log.seek(0)
        sys.stdout.buffer.write(log.read())
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
