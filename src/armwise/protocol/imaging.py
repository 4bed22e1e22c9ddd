"""Imaging, as `protocol.yaml` declares it: which form holds the readings, who reads, and what each grade means.

A grade is given to a place: a level of the spine, or a side of it. Several readers may grade the same scan, and one of
them twice; which reading leads is declared before the data are seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from armwise.protocol.section import Name, Section

Kind = Literal["ordinal", "nominal", "binary"]
SchemeName = Literal["pfirrmann", "modified-pfirrmann", "modic", "high-intensity-zone", "weishaupt"]

#: The leading grade that is no reading: the mean of the readers' grades.
MEAN: Final = "mean"
#: The reader that is no reader: what the readers settled on together. It has no part in their agreement.
CONSENSUS: Final = "consensus"
#: The answers that say that a reading was blinded.
YES: Final = ("yes", "Y")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A published scale of grades.

    Attributes:
        kind: ordinal (more is more degeneration), nominal (types without an order) or binary.
        categories: what may stand in the table, the least first.
        label: what people call it.
        source: the paper.
    """

    kind: Kind
    categories: tuple[str, ...]
    label: str
    source: str


SCHEMES: Final[dict[str, Scheme]] = {
    "pfirrmann": Scheme(
        "ordinal", ("1", "2", "3", "4", "5"), "Pfirrmann grade", "Pfirrmann 2001, Spine 26:1873"
    ),
    "modified-pfirrmann": Scheme(
        "ordinal", tuple("12345678"), "Modified Pfirrmann grade", "Griffith 2007, Spine 32:E708"
    ),
    "modic": Scheme("nominal", ("0", "1", "2", "3"), "Modic type", "Modic 1988, Radiology 166:193"),
    "high-intensity-zone": Scheme(
        "binary", ("no", "yes"), "High-intensity zone", "Aprill and Bogduk 1992, Br J Radiol 65:361"
    ),
    "weishaupt": Scheme(
        "ordinal",
        ("0", "1", "2", "3"),
        "Facet joint grade (Weishaupt)",
        "Weishaupt 1999, Skeletal Radiol 28:215",
    ),
}


class Grade(Section):
    """One grade: its scale, and the items of the form that hold it (several items are several sides of a level)."""

    scheme: SchemeName | None = None
    kind: Kind | None = None
    label: str = ""
    items: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _a_scale_or_a_kind(self) -> Grade:
        if self.scheme is None and self.kind is None:
            raise ValueError(f"a grade needs its scheme ({', '.join(SCHEMES)}) or its kind")
        if self.scheme and self.kind and self.kind != SCHEMES[self.scheme].kind:
            raise ValueError(
                f"the scheme {self.scheme} is {SCHEMES[self.scheme].kind}, found kind {self.kind}: leave `kind` out"
            )
        return self

    @property
    def scale(self) -> Kind:
        """The kind of the scale, by its scheme where it has one."""
        return SCHEMES[self.scheme].kind if self.scheme else self.kind or "ordinal"

    def held_in(self, name: str) -> tuple[str, ...]:
        """The items that hold the grade `name`."""
        return self.items or (name,)

    def called(self, name: str) -> str:
        """What people call the grade."""
        return self.label or (SCHEMES[self.scheme].label if self.scheme else name)


class Blinded(Section):
    """The items that say whether a reading was made without knowledge of the arm, and of the order of the scans."""

    arm: Name | None = None
    time: Name | None = None


class Imaging(Section):
    """The readings of images, what leads, and what is compared."""

    form: Name = "imaging"
    level: Name = "level"
    reader: Name | None = None
    reading: Name | None = None
    leading: str = ""
    visits: tuple[str, ...] = ()
    blinded: Blinded = Blinded()
    grades: dict[Name, Grade] = Field(min_length=1)
    covariates: tuple[str, ...] = ()
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _a_leading_reading(self) -> Imaging:
        if self.reader and not self.leading:
            raise ValueError(
                "several readers need `leading`: a reader, `consensus` where that is one, or `mean`"
            )
        if not self.reader and (self.leading or self.reading):
            raise ValueError("`leading` and `reading` belong to several readers: name the item `reader`")
        return self


def categories_of(grade: Grade, name: str, items: dict[str, Any]) -> tuple[str, ...]:
    """What a grade may be, the least first: as its scheme says, else as its first item lists or bounds it.

    Args:
        grade: the grade.
        name: its name.
        items: the items of its form.
    """
    if grade.scheme:
        return SCHEMES[grade.scheme].categories
    item = items[grade.held_in(name)[0]]
    return item_categories(item)


def item_categories(item: Any) -> tuple[str, ...]:
    """The categories of an item: its choices, or the whole numbers of its range; none where it has neither."""
    if item.choices:
        return tuple(item.choices)
    if item.type == "integer" and item.range:
        return tuple(str(k) for k in range(int(item.range[0]), int(item.range[1]) + 1))
    return ()
