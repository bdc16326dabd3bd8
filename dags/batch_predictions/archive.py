"""Extract untrusted zip archives: everything is checked before the first byte is written."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from calendar import timegm
from datetime import datetime
from pathlib import Path

from run_contract.errors import BatchPredictionsError
from run_contract.files import replace_atomically
from run_contract.formatting import count

MAX_RATIO = 200
"""The highest ratio of size to compressed size: that of photos is near 1, that of a zip bomb about 1,000."""

RATIO_FREE_BYTES = 1024 * 1024
"""Members up to this size may have any ratio: a small file of zeros is harmless."""

MAX_TOTAL_BYTES = 4 * 1024**4
KEEP_FREE_BYTES = 256 * 1024**2
SUPPORTED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error)
ENCRYPTED = 0x1
EARLIEST = timegm((1980, 1, 1, 0, 0, 0))
"""The earliest time that a zip archive can hold, for members without a valid date: reproducible archives have zeros."""

LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class BadArchive(Exception):
    """The archive cannot be extracted; the message names the cause and the next step."""


def extract(archive: Path, target: Path, label: str) -> None:
    """Extract `archive` into the new directory `target`, all of it or nothing.

    label: the name of the archive in errors, such as its URL. Modification times are those in the archive, so that the
    same archive always gives the same dataset. Raises BatchPredictionsError.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if cause := find_fault(members, archive.stat().st_size) or _find_lack_of_space(members, target):
                raise BadArchive(cause)
            with replace_atomically(target) as part:
                part.mkdir()
                for member in members:
                    _extract_member(opened, member, part)
    except BadArchive as error:
        cause = str(error)
    except NotImplementedError as error:
        cause = f"its zip format is not supported ({error}); make the archive with plain zip"
    except zipfile.BadZipFile:
        cause = "not a zip archive, or an incomplete one; open the address in a browser to check it"
    else:
        return
    raise BatchPredictionsError(f"source {label}: {cause}")


def find_fault(members: list[zipfile.ZipInfo], archive_bytes: int) -> str | None:
    """Return why an archive with these members must not be extracted, or None."""
    seen: dict[str, str] = {}
    total = 0
    for member in members:
        name = member.filename
        # orig_filename is the name in the archive; zipfile cuts filename at a NUL byte.
        if member.orig_filename.replace("\\", "/") != name or _leaves_target(name):
            return (
                f"member {member.orig_filename!r} has a path outside the target directory; remove it from the archive"
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            return f"member {name!r} is a link or a device; remove it from the archive"
        if member.flag_bits & ENCRYPTED:
            return f"member {name!r} is encrypted; give an archive without a password"
        if member.compress_type not in SUPPORTED_METHODS:
            return f"member {name!r} uses the unsupported compression method {member.compress_type}; use deflate"
        if member.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * member.compress_size):
            return f"member {name!r} would grow more than {MAX_RATIO} times; refused as a zip bomb, check its origin"
        folded = unicodedata.normalize("NFC", name.rstrip("/")).casefold()
        if folded in seen and not (member.is_dir() and seen[folded] == name):
            return f"members {seen[folded]!r} and {name!r} have the same name; rename one of them"
        seen[folded] = name
        total += member.file_size
    if total > MAX_TOTAL_BYTES:
        return f"it would grow to {count(total, 'byte')}, the limit is {count(MAX_TOTAL_BYTES)}; split the archive"
    return _find_overlap(members, archive_bytes)


def _leaves_target(name: str) -> bool:
    parts = name.split("/")
    return name.startswith("/") or ".." in parts or "\0" in name or "\\" in name or name[1:2] == ":"


def _find_overlap(members: list[zipfile.ZipInfo], archive_bytes: int) -> str | None:
    """Return the fault of members that share compressed bytes, with which a small archive can grow without limit."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            return f"member {member.filename!r} overlaps another; refused as a zip bomb, check its origin"
        end = member.header_offset + LOCAL_HEADER.size + member.compress_size
    return "its members are longer than the file; get a complete copy" if end > archive_bytes else None


def _find_lack_of_space(members: list[zipfile.ZipInfo], target: Path) -> str | None:
    need = sum(member.file_size for member in members) + KEEP_FREE_BYTES
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if need <= free:
        return None
    shortage = f"extracting it needs {count(need, 'byte')} in {target.parent}, but {count(free)} are free"
    return f"{shortage}; free some space, then run the task download again"


def _extract_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    try:
        _write_member(opened, member, target)
    except DAMAGE as error:
        raise BadArchive(f"member {member.filename!r} is damaged ({error}); get a complete copy") from None
    except OSError as error:
        if not error.errno:  # bz2 raises it for damaged data
            raise BadArchive(f"member {member.filename!r} is damaged ({error}); get a complete copy") from None
        raise BadArchive(
            f"member {member.filename!r} cannot be written ({error.strerror}); check {target.parent}, then run the "
            "task download again"
        ) from None
    except UnicodeEncodeError:
        raise BadArchive(f"member {member.filename!r}: the file system refuses its name; rename it") from None


def _write_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    path = target / member.filename
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # zipfile stops at file_size and checks the CRC at the end.
    with opened.open(member) as source, open(path, "xb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
    modified = _modified(member)
    os.utime(path, (modified, modified))


def _modified(member: zipfile.ZipInfo) -> int:
    try:
        return timegm(datetime(*member.date_time).timetuple())
    except ValueError:
        return EARLIEST
