"""Copy the job's packages for the Python workers."""

from __future__ import annotations

import compileall
import shutil
from hashlib import sha256
from pathlib import Path

from run_contract.files import exclusive, replace_atomically

SOURCE_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("run_contract", "image_scoring")


def copy_packages(directory: Path) -> Path:
    """Copy the packages that the workers import into `directory`, with their bytecode; return the copy's path.

    The same code has the same path and is copied once. A zip, as of spark-submit's --py-files, has no bytecode: each
    worker would compile it again.
    """
    sources = sorted(source for name in PACKAGES for source in (SOURCE_ROOT / name).rglob("*.py"))
    digest = sha256()
    for source in sources:
        digest.update(f"{source.relative_to(SOURCE_ROOT)}\n".encode() + source.read_bytes())
    target = directory / digest.hexdigest()[:16]
    with exclusive(directory / ".lock"):  # two runs may start at the same time
        if not target.exists():
            with replace_atomically(target) as part:
                for source in sources:
                    copy = part / source.relative_to(SOURCE_ROOT)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, copy)
                compileall.compile_dir(part, quiet=2)
    return target
