"""Decode and resize an image, bit for bit as Keras does it."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from image_scoring.images.errors import ImageError

# The formats of photo archives. Formats that Pillow hands to other programs (EPS), and formats that are rarely meant
# by "image" (PDF, FITS, PSD), are not tried, whatever the file's name.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # JPEG includes MPO
MAX_PIXELS = 100_000_000


def decode_image(content: bytes, input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the image as a uint8 array (height, width, 3), RGB, resized to `input_size` (height, width).

    Does what `keras.utils.load_img(path, target_size=input_size)` does: takes the first frame, ignores the EXIF
    rotation, converts with `convert("RGB")` and resizes with `Image.Resampling.NEAREST`. Raises ImageError.
    """
    height, width = input_size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data and palettes, which do not matter here
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(f"too large: {image.width}x{image.height} pixels, at most {MAX_PIXELS}")
                rgb = image if image.mode == "RGB" else image.convert("RGB")
                if rgb.size != (width, height):
                    rgb = rgb.resize((width, height), Image.Resampling.NEAREST)
                return np.asarray(rgb, dtype=np.uint8)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("not an image: no known format in the content") from None
    except Image.DecompressionBombError:
        raise ImageError(f"too large: more than {MAX_PIXELS} pixels") from None
    except MemoryError:
        raise ImageError("unreadable: not enough memory to decode it") from None
    except Exception as error:  # a broken file can make Pillow's decoders raise anything
        text = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"undecodable: {text[:200]}") from None
