"""The manifest's columns as Spark types."""

from __future__ import annotations

from pyspark.sql.types import StructType

# As types and not as text, which Spark would have to read with a parser of its own: a quarter of a second.
MANIFEST_SCHEMA = (
    StructType()
    .add("img_path", "string")
    .add("shard", "integer")
    .add("size_bytes", "long")
    .add("modified_ns", "long")
    .add("label", "string")
    .add("source", "string")
)
