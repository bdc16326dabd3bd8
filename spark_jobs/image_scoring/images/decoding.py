"""Decode and resize an image, bit for bit as Keras does it."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from image_scoring.images.errors import ImageError

# What a photo archive holds. Formats that Pillow hands to other programs (EPS), or that nobody means
# by "image" (PDF, FITS, PSD), are never even tried, whatever the file is called.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # a JPEG may turn out to be an MPO
MAX_PIXELS = 100_000_000


def decode_image(content: bytes, input_size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 array (height, width, 3), RGB, resized to `input_size` (height, width) by nearest neighbour.

    The same steps as `keras.utils.load_img(path, target_size=input_size)`: the first frame, no EXIF
    rotation, `convert("RGB")`, `Image.Resampling.NEAREST`. Raises ImageError.
    """
    height, width = input_size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd EXIF and palettes; the pixels are what counts
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
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them raise
        text = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"undecodable: {text[:200]}") from None
