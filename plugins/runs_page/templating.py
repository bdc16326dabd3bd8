"""The templates, for the pages and for the report."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from runs_page.wording import FILTERS

STYLE = Path(__file__).parent / "static" / "style.css"


@cache
def environment() -> Environment:
    """Escapes whatever is put in, and refuses a name that is not there."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    return templates
