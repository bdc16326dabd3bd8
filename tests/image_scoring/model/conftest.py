from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """A harmless file of each library and ending."""
    from tests.image_scoring.model.hostile_models import FILES, LIBRARIES, build

    files = {}
    for library, ending in FILES:
        files[library, ending] = tmp_path_factory.mktemp("plain") / f"{library}.{ending}"
        build(LIBRARIES[library]).save(files[library, ending])
    return files
