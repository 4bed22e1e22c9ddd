"""The kind of table that holds readings of images, as `assumptions.yaml` declares it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from armwise.simulate.statement import Part, Share, Statement


class ReadGrade(Part):
    """One true grade by place: shares of each category at the first visit, steps down and up the scale later."""

    first: dict[str, dict[str | int, Share]] = Field(min_length=1)
    better: dict[str, Share] = Field(default={})
    worse: dict[str, Share] = Field(default={})
    items: tuple[str, ...] = ()
    nominal: bool = False


class Reread(Part):
    """The reader who reads again, and the share of patients whose scans are read again."""

    reader: str
    share: Share


class Readings(Statement):
    """Readings of images: true grades by place, and for each reader the share of places graded wrongly.

    A form without an item for the reader holds those of one reader.
    """

    kind: Literal["readings"]
    place: str
    reader: str | None = None
    reading: str | None = None
    readers: dict[str, dict[str, Share]] = Field(min_length=1)
    reread: Reread | None = None
    blinded: dict[str, dict[str, Share]] = Field(default={})
    grades: dict[str, ReadGrade] = Field(min_length=1)
