"""The copy of the packages that the Python workers import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from image_scoring.driver import code_package
from image_scoring.driver.code_package import PACKAGES, SOURCE_ROOT, copy_packages
from tests.helpers import PATIENCE

CHANGED = Path("image_scoring") / "model" / "engines" / "__init__.py"


def change_code(monkeypatch: pytest.MonkeyPatch, target: Path) -> Path:
    """Make another version of the packages; return their directory."""
    root = target / "changed"
    for name in PACKAGES:
        shutil.copytree(SOURCE_ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    with open(root / CHANGED, "a") as file:
        file.write("# changed\n")
    monkeypatch.setattr(code_package, "SOURCE_ROOT", root)
    return root


def test_the_same_code_has_the_same_directory_and_is_copied_once(tmp_path: Path) -> None:
    copy = copy_packages(tmp_path / "code")
    before = (copy.stat().st_ino, (copy / "image_scoring" / "worker" / "udf.py").stat().st_mtime_ns)
    assert copy_packages(tmp_path / "code") == copy
    assert (copy.stat().st_ino, (copy / "image_scoring" / "worker" / "udf.py").stat().st_mtime_ns) == before
    assert [path for path in (tmp_path / "code").iterdir() if path.is_dir()] == [copy]


def test_runs_that_start_at_the_same_time_share_one_copy(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        copies = set(pool.map(lambda _: copy_packages(tmp_path), range(4)))
    assert len(copies) == 1
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_other_code_has_another_directory_and_leaves_the_first_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers of a run that is in progress import from the first."""
    first = copy_packages(tmp_path / "code")
    root = change_code(monkeypatch, tmp_path)
    second = copy_packages(tmp_path / "code")
    assert second != first
    assert (first / CHANGED).read_bytes() == (SOURCE_ROOT / CHANGED).read_bytes()
    assert (second / CHANGED).read_bytes() == (root / CHANGED).read_bytes()
    (root / "run_contract" / "new.py").write_text("")
    assert copy_packages(tmp_path / "code") not in (first, second)


def test_every_module_is_there_and_compiled(tmp_path: Path) -> None:
    copy = copy_packages(tmp_path)
    for source in (source for name in PACKAGES for source in (SOURCE_ROOT / name).rglob("*.py")):
        copied = copy / source.relative_to(SOURCE_ROOT)
        assert copied.read_bytes() == source.read_bytes()
        assert Path(cache_from_source(str(copied))).is_file()


def test_a_fresh_interpreter_imports_it_from_there_and_compiles_nothing(tmp_path: Path) -> None:
    copy = copy_packages(tmp_path / "code")
    ended = subprocess.run(
        [sys.executable, "-v", "-m", "image_scoring.model.output_labels"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(copy), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    for module in ("image_scoring/__init__", "image_scoring/model/spec", "run_contract/files", "run_contract/errors"):
        source = copy / f"{module}.py"
        assert f"# {cache_from_source(str(source))} matches {source}" in ended.stderr
    assert str(SOURCE_ROOT) not in ended.stderr
    assert "# wrote" not in ended.stderr
