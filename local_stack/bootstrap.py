"""Make the environment .venv from requirements.lock. Standard library only, and readable by any Python 3.

python3 local_stack/bootstrap.py
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / ".venv"
LOCK = REPOSITORY / "requirements.lock"
STAMP = VENV / ".requirements.sha256"
LOG = VENV / "install.log"
OLDEST, NEWEST = (3, 11), (3, 13)
NEED_BYTES = 6 * 1024**3


def stop(cause):
    sys.exit("environment: " + cause)


def check_python():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        stop(
            "Python {}.{} is not supported, 3.11 to 3.13 are; choose one with make PYTHON=python3.12".format(
                *sys.version_info[:2]
            )
        )
    try:
        import ensurepip  # noqa: F401 (Debian ships it apart)
        import venv  # noqa: F401
    except ImportError:
        stop("this Python cannot make virtual environments; install the package python3-venv")


def check_disk():
    free = shutil.disk_usage(str(REPOSITORY)).free
    if free < NEED_BYTES:
        stop("it needs {:.0f} GB of disk in {}, {:.1f} GB are free; free some space".format(6, REPOSITORY, free / 1e9))


def install():
    print("environment: installing the packages of requirements.lock once; this takes a few minutes", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]):
        stop("python3 -m venv failed; see above")
    # --no-deps: the lock file is complete. Some packages require others under a name that is overridden on purpose
    # (cluster/overrides.in).
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    with open(str(LOG), "w") as log:
        code = subprocess.call([*pip, "-r", str(LOCK)], stdout=log, stderr=subprocess.STDOUT)
    if code:
        errors = [line for line in LOG.read_text(errors="replace").splitlines() if line.startswith("ERROR")]
        stop("pip failed: {}; the log is {}".format(errors[0] if errors else "it printed no error", LOG))


def main():
    with open(str(LOCK), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two makes at once, the second waits for the first
        wanted = hashlib.sha256(lock.read() + sys.version.encode()).hexdigest()
        if not STAMP.exists() or STAMP.read_text() != wanted:
            check_python()
            check_disk()
            install()
            STAMP.write_text(wanted)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted; run make again to start over")
