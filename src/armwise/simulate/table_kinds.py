"""The kinds of tables that are no questionnaires, as `assumptions.yaml` declares them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from armwise.simulate.imaging_kinds import Readings
from armwise.simulate.medication_kinds import CareByVisit, Medications
from armwise.simulate.statement import Effects, Part, Positive, Share, Statement, one_of


class Follows(Part):
    """The change in a score that an item goes with, and how closely: a correlation of their normal scores."""

    score: str
    visit: str
    correlation: Annotated[float, Field(gt=-1, lt=1)]


class Number(Part):
    """One item of a form: normal, or lognormal when it is skewed."""

    mean: float
    sd: Positive
    skewed: bool = False
    decimals: int = Field(default=1, ge=0, le=6)
    follows: Follows | None = None


class Measures(Statement):
    """A form of numbers, one row for each visit of the form (or each subject)."""

    kind: Literal["measures"]
    items: dict[str, Number]


class Sites(Statement):
    """A form with one row for each place treated: the share of patients for each place, by group.

    With `side`, the item that takes the last word of a place: `L4-L5 left`.
    """

    kind: Literal["sites"]
    group: str
    place: str
    shares: dict[str, dict[str, Share]]
    numbers: dict[str, float] = Field(default={})
    side: str | None = None


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


class Impressions(Statement):
    """A rating of one's own change: the improvement in points of a score that each rating needs, and how well they go
    together.
    """

    kind: Literal["impressions"]
    item: str
    of: str
    correlation: Annotated[float, Field(gt=0, le=1)]
    cuts: dict[int, float] = Field(min_length=2)


class Likely(Part):
    """An answer yes or no: the share who say yes at average covariates, and log odds per SD of covariates."""

    share: Annotated[float, Field(gt=0, lt=1)]
    log_odds: Effects = Field(default={})


class YesNo(Statement):
    """A form of answers yes (1) or no (0), one row for each visit of the form; no arm has a share of its own."""

    kind: Literal["yes-no"]
    items: dict[str, Likely] = Field(min_length=1)


class Term(Part):
    """One kind of adverse event: expected number for each patient of an arm, and when."""

    by_arm: dict[str, Annotated[float, Field(ge=0)]]
    days: tuple[int, int]
    procedure: bool = False


class AdverseEvents(Statement):
    """A form with one row an event: terms, the shares of severities, the share of serious ones."""

    kind: Literal["adverse-events"]
    terms: dict[str, Term]
    severity: dict[int, Positive]
    serious: Share
    serious_words: tuple[str, str] = ("yes", "no")
    lasts: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (1, 30)
    related: Share = 0.0
    related_words: tuple[str, str, str] = ("procedure", "treatment", "no")
    recovered: Share = 1.0
    outcome_words: tuple[str, str] = ("recovered", "not_recovered")


Table = Annotated[
    Measures | Sites | Doses | Impressions | YesNo | AdverseEvents | Medications | CareByVisit | Readings,
    Field(discriminator="kind"),
    one_of(
        "measures",
        "sites",
        "doses",
        "impressions",
        "yes-no",
        "adverse-events",
        "medications",
        "care",
        "readings",
    ),
]
