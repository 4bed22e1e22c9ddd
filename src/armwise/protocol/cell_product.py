"""What was injected: measures of the cell product, where and how much of it, and what they are held against."""

# ruff: noqa: RUF012 (pydantic gives each value its own copy of a default)

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from armwise.protocol.section import Name, Reference, Section


class ReferenceRange(Section):
    """A range from outside that values are held against; one end may be open (null)."""

    range: tuple[float | None, float | None]
    source: str
    status: Literal["confirmed", "unconfirmed"]

    @model_validator(mode="after")
    def _runs_upwards(self) -> ReferenceRange:
        low, high = self.range
        if low is None and high is None:
            raise ValueError("the range has no end; write [lowest, highest], one of them may be null")
        if low is not None and high is not None and low >= high:
            raise ValueError(f"the range {[low, high]} does not rise; write [lowest, highest]")
        return self


class Conversion(Section):
    """A declared change of unit: what was recorded, times the factor, is in the unit that is analysed."""

    unit: str
    factor: float = Field(gt=0)


class Measure(Section):
    """One measure of the cell product."""

    item: Reference
    label: str = ""
    convert: Conversion | None = None
    dose: bool = False
    reference: ReferenceRange | None = None


class Ratio(Section):
    """One measure over another: the cells of the first in a hundred, or a million, of the second."""

    of: Name
    per: Name
    scale: Literal["percent", "per-million"]
    label: str = ""
    reference: ReferenceRange | None = None


class CellProduct(Section):
    """The cell product of each subject, and the places that it was injected into."""

    form: Name
    injections: Name | None = None
    volume: Reference | None = None
    by: tuple[Name, ...] = ()
    measures: dict[Name, Measure] = Field(min_length=1)
    ratios: dict[Name, Ratio] = {}

    @model_validator(mode="after")
    def _a_dose_needs_a_volume(self) -> CellProduct:
        if any(m.dose for m in self.measures.values()) and not (self.injections and self.volume):
            raise ValueError("a dose is concentration times volume: name `injections` and `volume`")
        if self.volume and self.injections and self.volume.split(".")[0] != self.injections:
            raise ValueError(f"`{self.volume}` is no item of the form `{self.injections}`")
        if self.by and not self.injections:
            raise ValueError("`by` names columns of the form `injections`, which is not named")
        if len(self.by) > 2:
            raise ValueError("`by` takes one or two columns: a structure, and the level in it")
        return self
