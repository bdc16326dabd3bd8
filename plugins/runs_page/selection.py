"""From the filters in an address to the rows of gallery.parquet on a page. The file is small, however large the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from run_contract.record import parse_record
from run_contract.records.metrics import GalleryRecord, Stratum
from run_contract.table import ERROR, GALLERY_STRATA, PREDICTED

PAGE_ROWS = 48
TENTHS = range(0, 101, 10)
RIGHT = {"wrong": False, "right": True, "unknown": None}


@dataclass(frozen=True)
class Filters:
    """The filters of the address; an empty text accepts every row.

    label: from the path. status: predicted, error, or the reason of an error. right: a key of RIGHT. least, most:
    confidence in percent, multiples of ten; a confidence of `most` itself is excluded unless it is 100.
    """

    label: str = ""
    prediction: str = ""
    status: str = ""
    right: str = ""
    least: int = 0
    most: int = 100
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """Read the filters of an address. A filter that is missing or has an unknown value accepts every row."""
        return cls(
            label=query.get("label", ""),
            prediction=query.get("prediction", ""),
            status=query.get("status", ""),
            right=query.get("right", "") if query.get("right") in RIGHT else "",
            least=_number(query.get("min"), TENTHS, 0),
            most=_number(query.get("max"), TENTHS, 100),
            page=_number(query.get("page"), range(1, 1_000_000), 1),
        )

    def query(self, **changes: Any) -> str:
        """Return the query of the address of this page with `changes`."""
        wanted = replace(self, **changes)
        values = {
            "label": wanted.label,
            "prediction": wanted.prediction,
            "status": wanted.status,
            "right": wanted.right,
            "min": wanted.least or "",
            "max": wanted.most if wanted.most < 100 else "",
            "page": wanted.page if wanted.page > 1 else "",
        }
        return "?" + urlencode({name: value for name, value in values.items() if value}, errors="surrogatepass")

    @property
    def by_confidence(self) -> bool:
        return (self.least, self.most) != (0, 100)

    def accepts(self, stratum: Stratum) -> bool:
        """Return whether the filters accept the rows of a stratum, whatever their label."""
        tenth = stratum.tenth
        return (
            self.prediction in ("", stratum.prediction)
            and self.status in ("", ERROR if stratum.reason else PREDICTED, stratum.reason)
            and (not self.right or (tenth is not None and stratum.right is RIGHT[self.right]))
            and (not self.by_confidence or (tenth is not None and self.least <= tenth * 10 < self.most))
        )


@dataclass(frozen=True)
class GalleryPage:
    """One page. found: how many rows of the gallery the filters accept; total: of the whole run, None if unknown."""

    rows: list[dict[str, Any]]
    found: int
    total: int | None
    page: int
    pages: int


class GalleryFile:
    """The content of a gallery.parquet. Raises OSError, pyarrow.ArrowException or RecordError for a damaged file."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        # Neither read_table nor pyarrow's own filters below: they import pandas, which takes a second.
        self._table = pq.ParquetFile(path).read(use_threads=False)
        metadata = self._table.schema.metadata or {}
        self.strata = parse_record(GalleryRecord, metadata.get(GALLERY_STRATA.encode(), b"")).strata

    @cached_property
    def rows_of_run(self) -> int:
        return self.count(Filters())

    @property
    def is_whole(self) -> bool:
        """Whether the gallery has every row of the run."""
        return bool(self._table.num_rows == self.rows_of_run)

    def labels(self) -> list[str]:
        """Return the labels from the paths."""
        return sorted(label for label in self._table["label"].unique().to_pylist() if label is not None)

    def predictions(self) -> list[str]:
        return sorted({stratum.prediction for stratum in self.strata if stratum.prediction is not None})

    def reasons(self) -> list[str]:
        return sorted({stratum.reason for stratum in self.strata if stratum.reason is not None})

    def count(self, filters: Filters) -> int:
        """Return how many rows of the whole run the filters accept, whatever their label."""
        return sum(stratum.rows for stratum in self.strata if filters.accepts(stratum))

    def show(self, filters: Filters) -> GalleryPage:
        places = self._find(filters)
        pages = max(-(-len(places) // PAGE_ROWS), 1)
        page = min(filters.page, pages)
        here = places[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        rows = [self._table.slice(place, 1).to_pylist()[0] for place in here]
        total = len(places) if self.is_whole else None if filters.label else self.count(filters)
        return GalleryPage(rows, len(places), total, page, pages)

    def _find(self, filters: Filters) -> Sequence[int]:
        """Return the indices of the rows that the filters accept."""
        places: Sequence[int] = range(self._table.num_rows)
        for name, test in _tests(filters):
            values = self._table[name].to_pylist()
            places = [place for place in places if test(values[place])]
        return places


def _number(text: str | None, allowed: range, default: int) -> int:
    number = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 8 else default
    return number if number in allowed else default


def _tests(filters: Filters) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """Yield for each filter that is set a column and a test of its values."""
    if filters.label:
        yield "label", lambda label: label == filters.label
    if filters.prediction:
        yield "prediction", lambda prediction: prediction == filters.prediction
    if filters.status in (PREDICTED, ERROR):
        yield "status", lambda status: status == filters.status
    elif filters.status:
        yield "error", lambda error: (error or "").partition(":")[0] == filters.status
    if filters.right:
        yield "right", lambda right: right is RIGHT[filters.right]
        yield "status", lambda status: status == PREDICTED
    if filters.by_confidence:
        least, most = filters.least / 100, filters.most / 100 if filters.most < 100 else math.inf
        yield "confidence", lambda confidence: confidence is not None and least <= confidence < most
