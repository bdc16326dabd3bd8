"""Zip archives from outside: checked as a whole before one byte is written."""

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

MAX_RATIO = 200
"""The most that a member may grow; photos hardly do, a bomb grows a thousandfold."""

RATIO_FREE_BYTES = 1024 * 1024
"""Members up to this size may have any ratio: tiny files of zeros are harmless."""

MAX_TOTAL_BYTES = 4 * 1024**4
KEEP_FREE_BYTES = 256 * 1024**2
SUPPORTED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error)
ENCRYPTED = 0x1
EARLIEST = timegm((1980, 1, 1, 0, 0, 0))
"""The first moment that a zip archive can tell, for a member whose date is none: reproducible archives have zeros."""

LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def extract(archive: Path, target: Path, label: str) -> None:
    """Extracts `archive` into the new directory `target`, all of it or nothing.

    label: what to call the archive in an error, such as its URL. Modification times come from the archive, so
    that the same archive always makes the same dataset. Raises BatchPredictionsError.
    """

    def refuse(cause: str) -> BatchPredictionsError:
        return BatchPredictionsError(f"source {label}: {cause}")

    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            cause = find_fault(members, archive.stat().st_size) or _find_lack_of_space(members, target)
            if cause:
                raise refuse(cause)
            with replace_atomically(target) as part:
                part.mkdir()
                for member in members:
                    try:
                        _extract_member(opened, member, part)
                    except DAMAGE as error:
                        raise refuse(f"member {member.filename!r} is damaged ({error}); get a whole copy") from None
                    except OSError as error:
                        # bz2 says so of damaged data, without an errno.
                        cause = f"cannot be written ({error.strerror})" if error.errno else f"is damaged ({error})"
                        raise refuse(f"member {member.filename!r} {cause}") from None
                    except UnicodeEncodeError:
                        raise refuse(f"member {member.filename!r}: its name cannot be written here") from None
    except NotImplementedError as error:
        raise refuse(f"its format is not known here ({error}); make it with a plain zip") from None
    except zipfile.BadZipFile:
        raise refuse("not a zip archive, or one that was cut short; open the address in a browser and look") from None


def find_fault(members: list[zipfile.ZipInfo], archive_bytes: int) -> str | None:
    """Why an archive with these members must not be extracted, or None."""
    seen: dict[str, str] = {}
    total = 0
    for member in members:
        name = member.filename
        # orig_filename is what the archive says; zipfile cuts filename at a NUL byte.
        if member.orig_filename.replace("\\", "/") != name or _leaves_target(name):
            return f"member {member.orig_filename!r} has a path that leaves its directory; archive refused"
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            return f"member {name!r} is a link or a device; archive refused"
        if member.flag_bits & ENCRYPTED:
            return f"member {name!r} is encrypted; give an archive without a password"
        if member.compress_type not in SUPPORTED_METHODS:
            return f"member {name!r} uses the unknown compression method {member.compress_type}"
        if member.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * member.compress_size):
            return f"member {name!r} would grow more than {MAX_RATIO} times; archive refused as a bomb"
        folded = unicodedata.normalize("NFC", name.rstrip("/")).casefold()
        if folded in seen and not (member.is_dir() and seen[folded] == name):
            return f"members {seen[folded]!r} and {name!r} have the same name; archive refused"
        seen[folded] = name
        total += member.file_size
    if total > MAX_TOTAL_BYTES:
        return f"it would grow to {total:,} bytes, at most {MAX_TOTAL_BYTES:,}"
    return _find_overlap(members, archive_bytes)


def _leaves_target(name: str) -> bool:
    parts = name.split("/")
    return name.startswith("/") or ".." in parts or "\0" in name or "\\" in name or name[1:2] == ":"


def _find_overlap(members: list[zipfile.ZipInfo], archive_bytes: int) -> str | None:
    """Members that share compressed bytes make a small archive grow without end."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            return f"member {member.filename!r} overlaps another; archive refused as a bomb"
        end = member.header_offset + LOCAL_HEADER.size + member.compress_size
    return "its members are longer than the file; get a whole copy" if end > archive_bytes else None


def _find_lack_of_space(members: list[zipfile.ZipInfo], target: Path) -> str | None:
    need = sum(member.file_size for member in members) + KEEP_FREE_BYTES
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if need <= free:
        return None
    return f"extracting it needs {need:,} bytes below {target.parent}, {free:,} are free; make room and run again"


def _extract_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    path = target / member.filename
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # zipfile itself stops at file_size and checks the CRC at the end.
    with opened.open(member) as source, open(path, "xb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
    modified = _modified(member)
    os.utime(path, (modified, modified))


def _modified(member: zipfile.ZipInfo) -> int:
    try:
        return timegm(datetime(*member.date_time).timetuple())
    except ValueError:
        return EARLIEST
