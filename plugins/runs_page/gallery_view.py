"""The gallery: the predictions of a run with their images."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Request, Response
from markupsafe import Markup

from run_contract.formatting import share
from run_contract.layout import RunPaths
from run_contract.record import RecordError
from runs_page.access import RunDep, SessionDep
from runs_page.pages import render
from runs_page.selection import TENTHS, Filters, GalleryFile
from runs_page.thumbnail import NoThumbnail, make_thumbnail, predicted_row

KINDS = {
    "All": Filters(),
    "Wrong": Filters(right="wrong"),
    "Errors": Filters(status="error"),
    "Below 60%": Filters(most=60),
}
CONCURRENT_THUMBNAILS = 2
THUMBNAIL_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=3600",
}
# They change the direction of the text around them, so that a name looks like another one.
DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

router = APIRouter()
# Requests for thumbnails wait here and not in the threads that answer all other requests to Airflow.
limiter = CapacityLimiter(CONCURRENT_THUMBNAILS)


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
        page=gallery.show(filters),
        kinds=[(text, kind.query(), gallery.count(kind)) for text, kind in KINDS.items()],
        choices=_choices(gallery, filters),
        readable=readable,
        breakable=breakable,
        confidence_text=confidence_text,
    )


@router.get("/dags/{dag_id}/runs/{run_id}/images/{shard}/{row}")
async def show_image(request: Request, run: RunDep, shard: str, row: str, session: SessionDep) -> Response:
    if not all(re.fullmatch("[0-9]{1,9}", number) for number in (shard, row)):
        raise HTTPException(404, "There is no such image.")
    session.close()  # no database connection is held while a thumbnail is made
    known = request.headers.get("if-none-match", "")
    return await to_thread.run_sync(_thumbnail_response, run.paths, int(shard), int(row), known, limiter=limiter)


def _thumbnail_response(run: RunPaths, shard: int, row: int, known: str) -> Response:
    """known: the tag of the thumbnail that the browser has."""
    try:
        found = predicted_row(run, shard, row)
        tag = f'"{sha256(repr(sorted(found.items())).encode()).hexdigest()[:32]}"'
        headers = {**THUMBNAIL_HEADERS, "ETag": tag}
        if known == tag:
            return Response(status_code=304, headers=headers)
        return Response(make_thumbnail(run, found), media_type="image/jpeg", headers=headers)
    except NoThumbnail as error:
        return Response(f"{error}\n", 404, {**THUMBNAIL_HEADERS, "Cache-Control": "no-store"}, "text/plain")


def _choices(gallery: GalleryFile, filters: Filters) -> list[dict[str, Any]]:
    """Return the fields of the form: name, label, options as text by value, the chosen value."""
    statuses = {"predicted": "predicted", "error": "any error"} | {reason: reason for reason in gallery.reasons()}
    rights = {"wrong": "wrong", "right": "correct", "unknown": "label unknown"}
    lowest, highest = TENTHS[:-1], TENTHS[1:]
    fields = [
        ("right", "Correct or wrong", {"": "any"} | rights, filters.right),
        ("prediction", "Prediction", {"": "any"} | {name: name for name in gallery.predictions()}, filters.prediction),
        ("label", "Label from the path", {"": "any"} | {name: name for name in gallery.labels()}, filters.label),
        ("status", "Status", {"": "any"} | statuses, filters.status),
        ("min", "Confidence from", {tenth: f"{tenth}%" for tenth in lowest}, filters.least),
        ("max", "to", {tenth: f"{tenth}%" for tenth in highest}, filters.most),
    ]
    return [dict(zip(("name", "label", "options", "chosen"), field, strict=True)) for field in fields]


def _open(run: RunPaths) -> GalleryFile | str:
    """Return the gallery of a run, or why there is none."""
    import pyarrow as pa

    try:
        return GalleryFile(run.gallery)
    except FileNotFoundError:
        if run.metrics.exists():
            return "An older release validated this run and made no gallery. Clear its task validate to create one."
        return "The task validate creates the gallery when all images are predicted."
    except (OSError, RecordError, pa.ArrowException):
        return "The file gallery.parquet of this run cannot be read. Clear its task validate to create it again."


def readable(img_path: str) -> str:
    """Return the path with the marks that change the direction of text as escapes."""
    return DIRECTION_MARKS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", img_path)


def breakable(path: str) -> Markup:
    """Return the path, with a possible line break after each directory."""
    return Markup("/<wbr>").join(path.split("/"))


def confidence_text(row: dict[str, Any]) -> str:
    """Return the confidence, such as `97.3%`; `100.0%` only when it is 1."""
    return "> 99.9%" if 0.9995 <= row["confidence"] < 1 else share(row["confidence"])
