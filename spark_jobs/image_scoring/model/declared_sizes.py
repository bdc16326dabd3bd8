"""Bounds on what a model file declares: a few bytes can ask for gigabytes of memory."""

from __future__ import annotations

from typing import Any

# Keras writes weights uncompressed; a repacked file of a pruned model is rarely more than ten times smaller.
COMPRESSION = 10
SMALL = 1 << 24  # bytes that any file may declare: tiny models compress better, and this much harms nobody
# Values that a model may have beyond those in its file, such as the state of random generators.
UNSAVED_VALUES = 1 << 16
# What Keras's layers call the number of values along an axis of their weights.
SIZES = {
    "depth_multiplier",
    "filters",
    "input_dim",
    "intermediate_dim",
    "key_dim",
    "num_heads",
    "output_dim",
    "rank",
    "units",
    "value_dim",
}


class DeclaresTooMuch(Exception):
    """A model declares more than its file can hold. The text is the cause, to be put in a line about the model."""


def check_bytes(declared: int, file_size: int, what: str) -> None:
    """Raise DeclaresTooMuch when `what` in a file of `file_size` bytes declares more bytes than it can hold."""
    if declared > max(COMPRESSION * file_size, SMALL):
        raise DeclaresTooMuch(f"its {what} declares {declared:,} bytes, the whole file has {file_size:,}")


def check_values(declared: int, stored: int) -> None:
    """Raise DeclaresTooMuch when the layers of a model need more weight values than its file holds."""
    if declared > stored + UNSAVED_VALUES:
        raise DeclaresTooMuch(f"its layers need at least {declared:,} weight values, the file holds {stored:,}")


def check_sizes(node: dict[str, Any], stored: int) -> None:
    """Raise DeclaresTooMuch when a layer's config declares an axis longer than all weights in the file."""
    for key in SIZES.intersection(node):
        value = node[key]
        if isinstance(value, int | float) and value > stored + UNSAVED_VALUES:
            raise DeclaresTooMuch(f"its config declares {key} {value:,}, the file holds {stored:,} weight values")
