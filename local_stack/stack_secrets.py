"""The secrets of a stack. They are in files that only this user can read, and never on a command line."""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from local_stack.layout import Layout
from run_contract.record import Record, read_record


@dataclass(frozen=True, repr=False)
class StackSecrets(Record):
    """secrets.json. password: of Airflow's user admin. spark: shared by Spark's master, workers and drivers."""

    fernet: str
    jwt: str
    api: str
    spark: str
    password: str


def load_secrets(layout: Layout) -> StackSecrets:
    """Return the secrets of a stack. They are generated at its first start."""
    known = read_record(StackSecrets, layout.secrets)
    if known is not None:
        return known
    generated = StackSecrets(
        fernet=urlsafe_b64encode(os.urandom(32)).decode(),
        jwt=secrets.token_urlsafe(48),
        api=secrets.token_urlsafe(48),
        spark=secrets.token_urlsafe(48),
        password=secrets.token_urlsafe(12),
    )
    write_private(layout.passwords, json.dumps({"admin": generated.password}))
    write_private(layout.secrets, json.dumps(generated.to_json()))
    return generated


def write_private(path: Path, text: str) -> None:
    """Write a file that no other user can read at any moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
