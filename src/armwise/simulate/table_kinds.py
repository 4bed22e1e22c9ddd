"""The kinds of tables that are no questionnaires, as `assumptions.yaml` declares them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from armwise.simulate.statement import Part, Positive, Share, Statement, one_of


class Number(Part):
    """One item of a form: normal, or lognormal when it is skewed."""

    mean: float
    sd: Positive
    skewed: bool = False
    decimals: int = Field(default=1, ge=0, le=6)


class Measures(Statement):
    """A form of numbers, one row for each visit of the form (or each subject)."""

    kind: Literal["measures"]
    items: dict[str, Number]


class Sites(Statement):
    """A form with one row for each place treated: the share of patients for each place, by group."""

    kind: Literal["sites"]
    group: str
    place: str
    shares: dict[str, dict[str, Share]]
    numbers: dict[str, float] = Field(default={})


class Grades(Statement):
    """A graded item by place: shares of each grade at the first visit, and of steps up and down later."""

    kind: Literal["grades"]
    place: str
    item: str
    first: dict[str, dict[int, Share]]
    better: dict[str, Share]
    worse: dict[str, Share]


class Doses(Statement):
    """A dose by visit, with zeros: users at baseline, the ratio to baseline, those who stop and start."""

    kind: Literal["doses"]
    item: str
    users: str
    mean: Positive
    sd: Positive
    ratio: dict[str, dict[str, Positive]]
    stop: dict[str, Share]
    start: dict[str, Share]


class Term(Part):
    """One kind of adverse event: expected number for each patient of an arm, and when."""

    by_arm: dict[str, Annotated[float, Field(ge=0)]]
    days: tuple[int, int]


class AdverseEvents(Statement):
    """A form with one row an event: terms, the shares of severities, the share of serious ones."""

    kind: Literal["adverse-events"]
    terms: dict[str, Term]
    severity: dict[int, Positive]
    serious: Share
    serious_words: tuple[str, str] = ("yes", "no")


Table = Annotated[
    Measures | Sites | Grades | Doses | AdverseEvents,
    Field(discriminator="kind"),
    one_of("measures", "sites", "grades", "doses", "adverse-events"),
]
