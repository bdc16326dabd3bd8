"""The slow image is a valid image."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from drill.slow_image import SCANS, SIDE, slow_image
from image_scoring.images.decoding import MAX_PIXELS
from image_scoring.images.reading import MAX_FILE_BYTES


@pytest.mark.parametrize("scans", [0, 1, 7])
def test_it_is_a_valid_grey_image(scans: int) -> None:
    with Image.open(io.BytesIO(slow_image(scans))) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (SIDE, SIDE))
        assert image.info["progressive"]
        assert image.getextrema() == (128, 128)


def test_no_limit_of_ours_keeps_it_out() -> None:
    whole = slow_image()
    assert whole.count(b"\xff\xda") == SCANS + 1
    assert len(whole) < MAX_FILE_BYTES
    assert SIDE * SIDE < MAX_PIXELS
