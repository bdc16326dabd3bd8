"""The templates of the pages and of the report."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from run_contract.formatting import count

STYLE = Path(__file__).parent / "static" / "style.css"


@cache
def environment() -> Environment:
    """Return the environment of the templates. It escapes every value and rejects unknown names."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["count"] = count
    return templates
