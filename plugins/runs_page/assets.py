"""Styles and script: the files of a fixed list."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

MEDIA_TYPES = {"style.css": "text/css", "gallery.css": "text/css", "page.js": "text/javascript"}
_DIRECTORY = Path(__file__).parent / "static"

router = APIRouter()


@router.get("/dags/{dag_id}/static/{name}")
def show_asset(name: str) -> FileResponse:
    if name not in MEDIA_TYPES:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(_DIRECTORY / name, media_type=MEDIA_TYPES[name])
