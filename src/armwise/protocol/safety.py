"""Safety, as `protocol.yaml` declares it: which form records adverse events, and what its items mean.

Grades are the five steps of the common terminology criteria in our own words: 1 mild, 2 moderate, 3 severe, 4
threatening life, 5 death.
"""

# ruff: noqa: RUF012 (pydantic gives each value its own copy of a default)

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field, model_validator

from armwise.protocol.section import Name, Section

#: The answers that count as a yes where the protocol names an item alone.
YES = ("yes", "Y")
#: The grades, and what people call them.
GRADES = {1: "mild", 2: "moderate", 3: "severe", 4: "life-threatening", 5: "fatal"}


class Mark(Section):
    """An item of the form and the answers to it that count: `{item: related, values: [procedure]}`.

    A word alone is an item that is answered with yes and no.
    """

    item: Name
    values: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_an_item(cls, data: Any) -> Any:
        return {"item": data} if isinstance(data, str) else data

    @property
    def counts(self) -> tuple[str, ...]:
        """The answers that count: those declared, or yes."""
        return self.values or YES


class Safety(Section):
    """Where adverse events stand, and how they are counted."""

    form: Name = "adverse_events"
    term: Name = "term"
    body_system: Name | None = None
    start: Name = "date"
    end: Name | None = None
    grade: Name | None = None
    grades: dict[str, Annotated[int, Field(ge=1, le=5)]] = {}
    serious: Mark | None = None
    related: Mark | None = None
    procedure_related: Mark | None = None
    withdrawal: Mark | None = None
    outcome: Name | None = None
    fatal: tuple[str, ...] = ()
    set: str = "full"
    data_cut: dt.date | None = None
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)

    @property
    def deaths(self) -> tuple[str, ...]:
        """The outcomes that are deaths: those declared, or `fatal`."""
        return self.fatal or ("fatal",)

    def marks(self) -> dict[str, Mark]:
        """The marks that are declared, by their key."""
        keys = ("serious", "related", "procedure_related", "withdrawal")
        return {key: mark for key in keys if (mark := getattr(self, key)) is not None}

    def items(self) -> dict[str, str]:
        """The items that are named alone, by their key."""
        keys = ("term", "body_system", "start", "end", "grade", "outcome")
        return {key: item for key in keys if (item := getattr(self, key)) is not None}
