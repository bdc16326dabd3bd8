"""Recognise the predictions that metrics and table were made from."""

from __future__ import annotations

from hashlib import sha256

from run_contract.files import sha256_of
from run_contract.layout import RunPaths, shard_name, shard_numbers


def hash_shards(run: RunPaths) -> str:
    """Return one sha256 for the names and the contents of all committed shards. A shard may be unreadable."""
    digest = sha256()
    for shard in shard_numbers(run.predictions):
        name = shard_name(shard)
        try:
            content = sha256_of(run.predictions / name)
        except OSError:  # validate reports it as a fault
            content = "unreadable"
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()
