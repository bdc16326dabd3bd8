"""The files of a stack: its secrets, and the addresses by which other commands find it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from local_stack.addresses import Addresses, free_addresses
from local_stack.layout import Layout
from local_stack.options import Options
from local_stack.spark_cluster import write_spark_properties
from local_stack.stack import Stack
from local_stack.stack_secrets import load_secrets
from run_contract.record import RecordError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.root.mkdir()
    return layout


def test_secrets_are_made_once_and_are_private(layout: Layout) -> None:
    secrets = load_secrets(layout)
    assert load_secrets(layout) == secrets
    write_spark_properties(layout)
    assert f"spark.authenticate.secret {secrets.spark}\n" in layout.spark_properties.read_text()
    assert json.loads(layout.passwords.read_text()) == {"admin": secrets.password}
    for path in (layout.secrets, layout.passwords, layout.spark_properties):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets.password not in repr(secrets)


def test_damaged_secrets_are_one_line_that_names_the_file(layout: Layout) -> None:
    layout.secrets.write_text('{"fernet": ')
    with pytest.raises(RecordError, match=r"secrets\.json: not valid JSON .*; remove it"):
        load_secrets(layout)


def test_addresses_without_a_scheduler_are_of_a_stack_that_has_ended(layout: Layout) -> None:
    stack = Stack(Options(layout.workspace), print)
    assert stack.running() is None
    addresses = free_addresses(2)
    assert len({addresses.airflow, addresses.master, addresses.master_web, *addresses.workers}) == 5
    stack.leave_running(addresses)
    assert Addresses.from_json(json.loads(layout.state.read_text())) == addresses
    assert stack.running() is None
    layout.state.write_text("{")
    assert stack.running() is None
