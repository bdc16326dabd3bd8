"""The path of an image as text."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from run_contract.image_paths import decode_path, encode_path, locate_image

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def random_names(count: int, seed: int) -> list[bytes]:
    """Return names that a file system may hold: any bytes except NUL, many of them bytes that are encoded specially."""
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


def test_no_encoded_path_starts_a_formula_or_is_invalid_text() -> None:
    for name in random_names(2000, seed=22):
        text = encode_path(name)
        assert not text.startswith(FORMULA_STARTS)
        assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("control", [b"\t", b"\n", b"\r", b"\x0b", b"\x1b", b"\x7f"])
def test_a_control_character_never_reaches_a_line_of_a_table(control: bytes) -> None:
    name = b"a" + control + b"b.jpg"
    assert encode_path(name).isprintable()
    assert decode_path(encode_path(name)) == name


@pytest.mark.parametrize("root", ["/data", b"/data", Path("/data")])
def test_an_image_is_located_below_the_root_of_its_dataset(root: str | bytes | Path) -> None:
    assert locate_image(root, r"./-a/caf\xe9.jpg") == b"/data/-a/caf\xe9.jpg"
