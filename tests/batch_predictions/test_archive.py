"""An archive is extracted completely, or refused with nothing left behind."""

from __future__ import annotations

import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from batch_predictions.archive import extract
from run_contract.errors import BatchPredictionsError

DATE = (2020, 2, 3, 4, 5, 6)
DATE_SECONDS = 1580702706
PHOTO = random.Random(1).randbytes(3000)
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def member(
    name: str, date: tuple[int, int, int, int, int, int] = DATE, mode: int = stat.S_IFREG | 0o644
) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date)
    info.external_attr = mode << 16
    return info


def make_zip(path: Path, *names: str, method: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive with PHOTO under each name; a name given twice is in it twice."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.NameToInfo.clear()  # otherwise zipfile warns about repeated names
            archive.writestr(member(name), b"" if name.endswith("/") else PHOTO, compress_type=method)
    return path


def patch_headers(path: Path, marker: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of the first header that starts with `marker`."""
    content = bytearray(path.read_bytes())
    start = content.index(marker) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


def refusal(archive: Path, directory: Path) -> str:
    """Return why the archive is refused, after checking that nothing is left of it."""
    with pytest.raises(BatchPredictionsError, match=r"^source here: ") as caught:
        extract(archive, directory / "target", "here")
    assert not directory.exists() or not os.listdir(directory)
    return str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_good_archive(tmp_path: Path, method: int) -> None:
    names = ("a.jpg", "empty/", "cats/1.jpg", "cats/é😀\n.jpg", "cats/", "cats/")
    extract(make_zip(tmp_path / "a.zip", *names, method=method), tmp_path / "new" / "target", "here")
    assert os.listdir(tmp_path / "new") == ["target"]
    root = tmp_path / "new" / "target"
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert files == ["a.jpg", "cats/1.jpg", "cats/é😀\n.jpg"]
    assert (root / "empty").is_dir()
    for file in files:
        assert (root / file).read_bytes() == PHOTO
        assert (root / file).stat().st_mtime == DATE_SECONDS


@pytest.mark.parametrize("date", [b"\0\0", b"\xff\xff"])
def test_member_without_a_real_date(tmp_path: Path, date: bytes) -> None:
    """Reproducible archives have a date of zeros: month 0, day 0."""
    archive = make_zip(tmp_path / "a.zip", "a.jpg")
    patch_headers(archive, CENTRAL, 14, date)
    extract(archive, tmp_path / "target", "here")
    assert (tmp_path / "target" / "a.jpg").stat().st_mtime == 315532800  # 1980, the earliest date of a zip archive


@pytest.mark.parametrize("name", ["../a.jpg", "cats/../../a.jpg", "/a.jpg", "C:a.jpg", "c:/a.jpg", "cats\\a.jpg"])
def test_path_that_leaves_its_directory(tmp_path: Path, name: str) -> None:
    cause = refusal(make_zip(tmp_path / "a.zip", "good.jpg", name), tmp_path / "out")
    assert "has a path outside the target directory" in cause
    assert not (tmp_path / "a.jpg").exists()


def test_name_with_a_nul_byte(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "a.jpg#.jpg")
    archive.write_bytes(archive.read_bytes().replace(b"#", b"\0"))
    assert "outside the target directory" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_link_or_device(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member("a.jpg", mode=kind | 0o777), "/etc/passwd")
    assert "'a.jpg' is a link or a device" in refusal(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("a.jpg", "a.jpg"), id="the same"),
        pytest.param(("cats/a.jpg", "CATS/A.JPG"), id="but for case"),
        pytest.param(("stra\u00dfe.jpg", "STRASSE.jpg"), id="but for case, folded"),
        pytest.param(("caf\u00e9.jpg", "cafe\u0301.jpg"), id="NFC and NFD"),
        pytest.param(("cats/", "cats"), id="directory and file"),
    ],
)
def test_two_members_of_one_name(tmp_path: Path, names: tuple[str, str]) -> None:
    assert "have the same name" in refusal(make_zip(tmp_path / "a.zip", *names), tmp_path / "out")


@pytest.mark.parametrize(
    "names", [("cats", "cats/a.jpg"), ("a.jpg", "./a.jpg"), ("cats//a.jpg", "cats/a.jpg"), (f"{'x' * 256}.jpg",)]
)
def test_name_that_cannot_be_written(tmp_path: Path, names: tuple[str, ...]) -> None:
    cause = refusal(make_zip(tmp_path / "a.zip", *names), tmp_path / "out")
    assert f"member {names[-1]!r} cannot be written" in cause


def test_ratio_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.jpg", bytes(2 * 1024**2))
    assert "'zeros.jpg' would grow more than 200 times" in refusal(tmp_path / "a.zip", tmp_path / "out")


def test_small_member_may_have_any_ratio(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("black.bmp", bytes(1024**2))
    extract(tmp_path / "a.zip", tmp_path / "target", "here")
    assert (tmp_path / "target" / "black.bmp").stat().st_size == 1024**2


def test_overlapping_members(tmp_path: Path) -> None:
    """Two directory entries with different names share the bytes of one member."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member("a.jpg"), PHOTO)
        twin = member("b.jpg")
        first = archive.infolist()[0]
        for field in ("header_offset", "CRC", "file_size", "compress_size"):
            setattr(twin, field, getattr(first, field))
        archive.filelist.append(twin)
    assert "'b.jpg' overlaps another" in refusal(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("offset", "value", "cause"),
    [
        pytest.param(8, b"\x01\x00", "'a.jpg' is encrypted", id="encrypted"),
        pytest.param(10, b"\x5d\x00", "'a.jpg' uses the unsupported compression method 93", id="method"),
        pytest.param(6, b"\xff\x00", "not supported (zip file version 25.5)", id="version"),
        pytest.param(8, b"\x20\x00", "not supported (compressed patched data", id="patched data"),
        pytest.param(20, struct.pack("<L", 10**6), "longer than the file", id="compressed size"),
    ],
)
def test_header_that_cannot_be_followed(tmp_path: Path, offset: int, value: bytes, cause: str) -> None:
    archive = make_zip(tmp_path / "a.zip", "a.jpg")
    patch_headers(archive, CENTRAL, offset, value)
    assert cause in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", [b"\x00", b"\xff" * 1000])
def test_damaged_member_is_named(tmp_path: Path, method: int, damage: bytes) -> None:
    archive = make_zip(tmp_path / "a.zip", "good.jpg", "bad.jpg", method=method)
    content = bytearray(archive.read_bytes())
    start = content.rindex(LOCAL) + 1000
    content[start : start + len(damage)] = damage
    archive.write_bytes(content)
    assert "member 'bad.jpg' is damaged" in refusal(archive, tmp_path / "out")


def test_wrong_crc_in_the_directory(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "a.jpg")
    patch_headers(archive, CENTRAL, 16, b"\0\0\0\0")
    assert "member 'a.jpg' is damaged (Bad CRC-32 for file 'a.jpg')" in refusal(archive, tmp_path / "out")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda whole: whole[: len(whole) // 2], id="first half"),
        pytest.param(lambda whole: whole[:-1], id="last byte"),
        pytest.param(lambda whole: b"<!DOCTYPE html><title>Sign in</title>", id="HTML"),
        pytest.param(lambda whole: b"", id="empty"),
    ],
)
def test_no_whole_archive(tmp_path: Path, make: Callable[[bytes], bytes]) -> None:
    archive = make_zip(tmp_path / "a.zip", "a.jpg", "b.jpg")
    archive.write_bytes(make(archive.read_bytes()))
    assert "incomplete" in refusal(archive, tmp_path / "out") or "damaged" in refusal(archive, tmp_path / "out")


def test_target_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "kept").touch()
    archive = make_zip(tmp_path / "a.zip", "a.jpg")
    patch_headers(archive, CENTRAL, 16, b"\0\0\0\0")
    with pytest.raises(BatchPredictionsError):
        extract(archive, tmp_path / "target", "here")
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "target"]
    assert os.listdir(tmp_path / "target") == ["kept"]


@pytest.mark.slow
def test_more_than_65535_members(tmp_path: Path) -> None:
    """This requires the zip64 format. Most members are the same directory, which is allowed and fast."""
    names = [f"{number}.jpg" for number in range(537)]
    archive = make_zip(tmp_path / "a.zip", *names[:500], *["cats/"] * 65_000, *names[500:])
    assert b"PK\x06\x06" in archive.read_bytes()[-200:]
    extract(archive, tmp_path / "target", "here")
    assert set(os.listdir(tmp_path / "target")) == {"cats", *names}
