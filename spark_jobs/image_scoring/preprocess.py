"""From a file to the array that the model was trained on, bit for bit as Keras does it."""

from __future__ import annotations

import io
import os
import stat
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

# What a photo archive holds. Formats that Pillow hands to other programs (EPS), or that nobody means
# by "image" (PDF, FITS, PSD), are never even tried, whatever the file is called.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # a JPEG may turn out to be an MPO
MAX_PIXELS = 100_000_000
MAX_FILE_BYTES = 256 * 1024 * 1024

# The reasons of an ImageError that the same bytes will have again; any other may pass.
CONTENT_REASONS = ("empty", "too large", "not an image", "undecodable", "crashed", "hung")


class ImageError(Exception):
    """Why one file has no prediction, as `reason` or `reason: detail`; the text of its error row."""


def read_file(path: bytes, size_bytes: int | None = None, modified_ns: int | None = None) -> bytes:
    """The bytes of an image, given the size and modification stamp that the manifest recorded.

    Never follows a link and never blocks on a pipe. Raises ImageError.
    """
    try:
        with open(path, "rb", opener=_open_plain_file) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ImageError("unreadable: not a regular file")
            if (size_bytes, modified_ns) not in ((None, None), (found.st_size, found.st_mtime_ns)):
                raise ImageError("changed: the file is not the one in the manifest")
            if found.st_size == 0:
                raise ImageError("empty: zero bytes")
            if found.st_size > MAX_FILE_BYTES:
                raise ImageError(f"too large: more than {MAX_FILE_BYTES} bytes")
            return file.read()
    except FileNotFoundError:
        raise ImageError("missing: the file is gone since the manifest was written") from None
    except OSError as error:
        raise ImageError(f"unreadable: {error.strerror}") from None


def _open_plain_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


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


def preprocess(pixels: NDArray[np.uint8], mode: str, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """float32 array of the same shape, as `keras.applications.imagenet_utils.preprocess_input` makes it.

    out: where to write it, else new memory.
    Formulas: github.com/keras-team/keras, keras/src/applications/imagenet_utils.py; "rescale" is x / 255.
    """
    x = np.empty(pixels.shape, np.float32) if out is None else out
    x[...] = pixels[..., ::-1] if mode == "caffe" else pixels
    if mode == "tf":
        x /= np.float32(127.5)
        x -= np.float32(1.0)
    elif mode == "torch":
        x /= np.float32(255.0)
        x -= np.array([0.485, 0.456, 0.406], dtype=np.float32)
        x /= np.array([0.229, 0.224, 0.225], dtype=np.float32)
    elif mode == "caffe":
        x -= np.array([103.939, 116.779, 123.68], dtype=np.float32)
    elif mode == "rescale":
        x /= np.float32(255.0)
    elif mode != "none":
        raise ValueError(f"unknown preprocessing {mode!r}")
    return x
