"""The predictions of a run with their pictures."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from airflow.api_fastapi.common.db.common import SessionDep
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from markupsafe import Markup

from run_contract.layout import RunPaths
from run_contract.record import RecordError
from runs_page.access import RunDep
from runs_page.pages import render
from runs_page.selection import TENTHS, Filters, GalleryFile
from runs_page.thumbnail import NoThumbnail, make_thumbnail, predicted_row

KINDS = {
    "All": Filters(),
    "Wrong": Filters(right="wrong"),
    "Errors": Filters(status="error"),
    "Below 60 %": Filters(most=60),
}
PICTURES_AT_A_TIME = 2
PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=3600",
}
# They change the direction of the text around them: a name with them reads as another name.
DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

router = APIRouter()
# What waits for its turn waits here, and not in the threads that answer everything else in Airflow.
limiter = CapacityLimiter(PICTURES_AT_A_TIME)


@router.get("/dags/{dag_id}/runs/{run_id}/gallery")
def show_gallery(request: Request, run: RunDep) -> Response:
    gallery = _open(run.paths)
    if isinstance(gallery, str):
        return render(request, "no_gallery.html.j2", run=run, why=gallery)
    filters = Filters.of(request.query_params)
    return render(
        request,
        "gallery.html.j2",
        run=run,
        filters=filters,
        shown=gallery.show(filters),
        kinds=[(text, kind.query(), gallery.count(kind)) for text, kind in KINDS.items()],
        choices=_choices(gallery, filters),
        readable=readable,
        breakable=breakable,
        certainty=certainty,
    )


@router.get("/dags/{dag_id}/runs/{run_id}/images/{shard}/{row}")
async def show_image(request: Request, run: RunDep, shard: str, row: str, session: SessionDep) -> Response:
    if not all(re.fullmatch("[0-9]{1,9}", number) for number in (shard, row)):
        raise HTTPException(404, "There is no such image.")
    session.close()  # none of the database's connections waits for a picture
    known = request.headers.get("if-none-match", "")
    return await to_thread.run_sync(_picture, run.paths, int(shard), int(row), known, limiter=limiter)


def _picture(run: RunPaths, shard: int, row: int, known: str) -> Response:
    """known: the tag of the picture that the browser has."""
    try:
        found = predicted_row(run, shard, row)
        tag = f'"{sha256(repr(sorted(found.items())).encode()).hexdigest()[:32]}"'
        headers = {**PICTURE_HEADERS, "ETag": tag}
        if known == tag:
            return Response(status_code=304, headers=headers)
        return Response(make_thumbnail(run, found), media_type="image/jpeg", headers=headers)
    except NoThumbnail as error:
        return Response(f"{error}\n", 404, {**PICTURE_HEADERS, "Cache-Control": "no-store"}, "text/plain")


def _choices(gallery: GalleryFile, filters: Filters) -> list[dict[str, Any]]:
    """The fields of the form: name, label, options as pairs of value and text, the value chosen."""
    statuses = {"predicted": "predicted", "error": "any error"} | {reason: reason for reason in gallery.reasons()}
    rights = {"wrong": "wrong", "right": "right", "unknown": "not known"}
    lowest, highest = TENTHS[:-1], TENTHS[1:]
    fields = [
        ("right", "Right or wrong", {"": "any"} | rights, filters.right),
        ("prediction", "Prediction", {"": "any"} | {name: name for name in gallery.predictions()}, filters.prediction),
        ("label", "Label in the path", {"": "any"} | {name: name for name in gallery.labels()}, filters.label),
        ("status", "Status", {"": "any"} | statuses, filters.status),
        ("min", "Confidence from", {tenth: f"{tenth} %" for tenth in lowest}, filters.least),
        ("max", "to", {tenth: f"{tenth} %" for tenth in highest}, filters.most),
    ]
    return [dict(zip(("name", "label", "options", "chosen"), field, strict=True)) for field in fields]


def _open(run: RunPaths) -> GalleryFile | str:
    """The gallery of a run, or why there is none."""
    import pyarrow as pa

    try:
        return GalleryFile(run.gallery)
    except FileNotFoundError:
        if run.metrics.exists():
            return "This run was validated before there were galleries. Clear its task validate to get one."
        return "The gallery is made by the task validate, when all images are predicted."
    except (OSError, ValueError, KeyError, TypeError, RecordError, pa.ArrowException):
        return "The file gallery.parquet of this run cannot be read. Clear its task validate to make it anew."


def readable(img_path: str) -> str:
    """The path with marks that would turn it around spelt out."""
    return DIRECTION_MARKS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", img_path)


def breakable(path: str) -> Markup:
    """The path, which may go on in the next line after each of its directories."""
    return Markup("/<wbr>").join(path.split("/"))


def certainty(row: dict[str, Any]) -> str:
    """Such as 97.3 %; 100.0 % only of what is certain."""
    percent = 100 * row["confidence"]
    return "> 99.9 %" if 99.95 <= percent < 100 else f"{percent:.1f} %"
