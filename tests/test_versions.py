"""What is installed, and from where."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.helpers import REPOSITORY

FILES = sorted(REPOSITORY.glob("requirements.*"))


def locked() -> dict[str, list[str]]:
    """The lines of each requirement of requirements.lock."""
    text = (REPOSITORY / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {line.split(" ")[0]: re.findall(r"--hash=(\S+)", line) for line in lines}


def test_pyspark_and_its_client_are_of_one_version() -> None:
    assert version("pyspark") == version("pyspark-client")


def test_every_requirement_is_locked_with_its_hashes() -> None:
    requirements = locked()
    assert len(requirements) > 50
    for requirement, hashes in requirements.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_index_and_no_address_stands_in_the_requirements(path: Path) -> None:
    assert len(FILES) == 2
    text = path.read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|^-[if] ", text, re.MULTILINE)
