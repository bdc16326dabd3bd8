"""What the orchestrator and the job agree on."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import pytest

from run_contract.arguments import JobArguments
from run_contract.errors import BatchPredictionsError
from run_contract.image_paths import decode_path, encode_path
from run_contract.layout import Workspace, run_key, shard_name, shard_numbers
from run_contract.manifest_layout import shard_sizes

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def random_names(count: int, seed: int) -> list[bytes]:
    """Names that a file system may hold: any bytes but NUL, rich in the ones that the encoding treats apart."""
    dice = random.Random(seed)
    special = b"\\\\\\xx0123abcdef=+-@\t\r\n\"', \xc3\xa9\xff\x80"
    names = []
    for _ in range(count):
        alphabet = special if dice.random() < 0.5 else bytes(range(1, 256))
        names.append(bytes(dice.choices(alphabet, k=dice.randint(1, 24))))
    return [name for name in names if not name.startswith(b"./")]


def test_any_bytes_come_back_from_an_encoded_path() -> None:
    names = random_names(2000, seed=20)
    assert len(names) > 1900
    for name in names:
        assert decode_path(encode_path(name)) == name


def test_different_names_have_different_encodings() -> None:
    names = set(random_names(2000, seed=21))
    assert len({encode_path(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"cats/cat.1.jpg", "cats/cat.1.jpg"),
        ("Käthe/猫.jpg".encode(), "Käthe/猫.jpg"),
        (b"a\\b.jpg", r"a\\b.jpg"),
        (b"\\x41.jpg", r"\\x41.jpg"),
        (b"caf\xe9.jpg", r"caf\xe9.jpg"),
        (b"=1+1.jpg", "./=1+1.jpg"),
        (b"+1.jpg", "./+1.jpg"),
        (b"-1.jpg", "./-1.jpg"),
        (b"@a.jpg", "./@a.jpg"),
    ],
)
def test_an_encoded_path_is(name: bytes, text: str) -> None:
    assert encode_path(name) == text
    assert decode_path(text) == name


def test_no_encoded_path_begins_a_formula_or_is_invalid_text() -> None:
    for name in random_names(2000, seed=22):
        text = encode_path(name)
        assert not text.startswith(FORMULA_STARTS)
        assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("control", [b"\t", b"\n", b"\r", b"\x0b", b"\x1b", b"\x7f"])
def test_a_control_character_never_reaches_a_line_of_a_table(control: bytes) -> None:
    name = b"a" + control + b"b.jpg"
    assert encode_path(name).isprintable()
    assert decode_path(encode_path(name)) == name


@pytest.mark.parametrize(
    "model",
    ["/m/a.h5", "--conf", "--conf=spark.x=y", "-x", "a;rm -rf b", "{{ ds }}", "a b", "k=v=w", "", "'\"$(id)", "Ä\n"],
)
def test_arguments_survive_the_command_line(model: str) -> None:
    arguments = JobArguments(workspace=f"/w {model}", run_key="r", model=model, engine="openvino", precision="bf16")
    assert JobArguments.parse(arguments.to_argv()) == arguments


@pytest.mark.parametrize("only_new", [True, False])
def test_only_new_survives_the_command_line(only_new: bool) -> None:
    arguments = JobArguments(workspace="/w", run_key="r", model="m", only_new=only_new)
    assert f"--only-new={str(only_new).lower()}" in arguments.to_argv()
    assert JobArguments.parse(arguments.to_argv()) == arguments


def test_each_argument_is_one_word() -> None:
    argv = JobArguments(workspace="/w", run_key="r", model="--model").to_argv()
    assert len(argv) == len(fields(JobArguments))
    assert all(word.startswith("--") and "=" in word for word in argv)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--workspace=/w", "--run-key=r"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--engine=torch"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--precision=f16"],
        ["--workspace=/w", "--run-key=r", "--model=m", "--only-new=maybe"],
        ["--work=/w", "--run-key=r", "--model=m"],
    ],
)
def test_a_wrong_command_line_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        JobArguments.parse(argv)
    assert exit_info.value.code == 2
    assert "predict.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("moment", "key"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "20260102T030405Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), "20260102T030405.000060Z"),
        (datetime(2026, 1, 2, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), "20260101T200000Z"),
    ],
)
def test_run_key_is_utc_to_the_microsecond(moment: datetime, key: str) -> None:
    assert run_key(moment) == key
    assert Workspace(Path("/w")).run(key).run_key == key


def test_run_keys_sort_by_time() -> None:
    start = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC)
    keys = [run_key(start + timedelta(seconds=second)) for second in range(5)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("key", ["", "../x", "a/b", "..", ".hidden", "a b", "a\n", "-x", "ä"])
def test_a_run_key_that_is_no_plain_name_is_refused(key: str) -> None:
    with pytest.raises(BatchPredictionsError, match="run key"):
        Workspace(Path("/w")).run(key)


def test_pending_shards_are_those_of_the_manifest_without_predictions(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("r")
    assert run.pending_shards() == []
    run.manifest.mkdir(parents=True)
    for shard in range(12):
        (run.manifest / shard_name(shard)).touch()
    assert run.pending_shards() == list(range(12))
    run.predictions.mkdir()
    for name in (shard_name(3), shard_name(10), f".{shard_name(4)}.part", f"{shard_name(5)}.crc", "shard-x.parquet"):
        (run.predictions / name).touch()
    assert shard_numbers(run.predictions) == [3, 10]
    assert run.pending_shards() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 11]


def test_shards_double_up_to_the_last_size() -> None:
    assert list(islice(shard_sizes(), 70)) == [512] * 16 + [1024] * 16 + [2048] * 16 + [4096] * 22
