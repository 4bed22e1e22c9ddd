"""What the simulator draws from, as values: the grammar of `assumptions.yaml`.

Every block of numbers says whether they are `confirmed` (read in a source) or `assumed` (invented, or taken
over from another study), and its source: the report on a simulated study prints both lists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from armwise.simulate.statement import Count, Effects, Part, Positive, Share, Statement, one_of
from armwise.simulate.table_kinds import Table


class Size(Statement):
    """Patients enrolled in each arm."""

    per_arm: dict[str, Annotated[int, Field(ge=1)]]


class Enrolment(Statement):
    """When patients enter, where, and how many days pass until time zero where that is not the enrolment."""

    first: dt.date
    months: Positive
    sites: dict[str, Positive] = Field(default={})
    subject: str = "{site}-{number:03d}"
    days_to_time_zero: dict[str, tuple[int, int]] = Field(default={})


class Screening(Statement):
    """Those who were screened and not enrolled, counted by reason."""

    not_eligible: dict[str, Count] = Field(default={})
    declined: dict[str, Count] = Field(default={})


class Normal(Statement):
    """A covariate with a normal distribution, cut to a range."""

    kind: Literal["normal"]
    mean: float
    sd: Positive
    range: tuple[float, float]
    decimals: int = Field(default=0, ge=0, le=6)


class Category(Statement):
    """A covariate with categories."""

    kind: Literal["category"]
    shares: dict[str, Share]

    @model_validator(mode="after")
    def _shares_add_to_one(self) -> Category:
        if abs(sum(self.shares.values()) - 1) > 1e-9:
            raise ValueError(f"the shares add up to {sum(self.shares.values()):g}, expected 1")
        return self


Covariate = Annotated[Normal | Category, Field(discriminator="kind"), one_of("normal", "category")]


class Chosen(Statement):
    """Patients (with their physicians) choose the arm: log odds against the reference arm."""

    kind: Literal["chosen"]
    log_odds: dict[str, Effects]


class Random(Statement):
    """Arms are allocated by chance, in permuted blocks of `blocks` times the arms' ratio."""

    kind: Literal["random"]
    blocks: int = Field(default=2, ge=1)


Allocation = Annotated[Chosen | Random, Field(discriminator="kind"), one_of("chosen", "random")]


class Correlations(Statement):
    """Of the covariates, of the scores (one visit) and of the visits (one score); pairs not given are 0."""

    covariates: dict[str, Effects] = Field(default={})
    scores: dict[str, Effects] = Field(default={})
    visits: dict[str, Effects] = Field(default={})


class BaselineScore(Statement):
    """A score before treatment, among all who enter: mean, SD, what it is cut to, and points per SD of covariates."""

    mean: float
    sd: Positive
    range: tuple[float, float] | None = None
    effects: Effects = Field(default={})


class ByVisit(Statement):
    """Numbers of one arm by visit."""

    arm: str
    values: dict[str, float] = Field(min_length=1)


class ChangeEffects(Statement):
    """What the change depends on, in points per SD at the last visit, and how it builds up by visit."""

    common: Effects = Field(default={})
    by_arm: dict[str, Effects] = Field(default={})
    share: dict[str, float] = Field(default={})


class Outcome(Part):
    """The course of one score."""

    baseline: BaselineScore
    means: tuple[ByVisit, ...] = Field(min_length=1)
    sds_of_change: tuple[ByVisit, ...] = Field(min_length=1)
    effects: ChangeEffects | None = None

    def table(self, which: Literal["means", "sds_of_change"]) -> dict[tuple[str, str], float]:
        """(arm, visit) -> number."""
        blocks = self.means if which == "means" else self.sds_of_change
        return {(block.arm, visit): value for block in blocks for visit, value in block.values.items()}


class Answers(Statement):
    """How a questionnaire's items spread around its score, in shares of an item's range."""

    items: float = Field(default=0.08, ge=0, le=1)
    patient: float = Field(default=0.12, ge=0, le=1)
    visit: float = Field(default=0.08, ge=0, le=1)


class Visits(Statement):
    """Dates within the windows, late visits, and how forms are filled in."""

    sd_of_days: float = Field(default=5, ge=0)
    late: Share = 0
    late_by: tuple[int, int] = (1, 14)
    modes: dict[str, Positive] = Field(default={})


class Dropout(Statement):
    """Share of those still in the study who leave it before a visit, and the reasons."""

    event: str = "off_study"
    by_arm: dict[str, dict[str, Share]]
    effects: Effects = Field(default={})
    reasons: dict[str, Positive]


class MissingForms(Statement):
    """Share of single questionnaires that are not filled in, and the reasons."""

    share: Share
    reasons: dict[str, Positive]


class MissingItems(Statement):
    """Share of single answers left out; `not_applicable` for items that a patient may leave out."""

    share: Share
    not_applicable: Share = 0


class Missing(Part):
    """What is missing."""

    dropout: Dropout | None = None
    forms: MissingForms | None = None
    items: MissingItems | None = None


class StudyEvent(Statement):
    """An intercurrent event: share of an arm's patients who have it, between two days after time zero."""

    by_arm: dict[str, Share]
    days: tuple[int, int]
    reasons: dict[str, Positive] = Field(default={})


class Seed(Part):
    """The seed of the example's study, and how it was chosen."""

    value: int = Field(ge=0)
    note: str = Field(min_length=1)


class Assumptions(Part):
    """A whole `assumptions.yaml`."""

    about: str = ""
    seed: Seed
    size: Size
    enrolment: Enrolment
    screening: Screening | None = None
    covariates: dict[str, Covariate] = Field(default={})
    allocation: Allocation
    outcomes: dict[str, Outcome] = Field(min_length=1)
    correlations: Correlations | None = None
    answers: Answers
    visits: Visits
    missing: Missing = Missing()
    events: dict[str, StudyEvent] = Field(default={})
    tables: dict[str, Table] = Field(default={})

    def statements(self) -> Iterator[tuple[str, Statement]]:
        """Every block of numbers with its dotted place in the file, in the file's order."""
        yield from _statements((), self)


def _statements(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Statement]]:
    if isinstance(value, Statement):
        arm = [value.arm] if isinstance(value, ByVisit) else []
        yield ".".join([*path, *arm]), value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _statements((*path, name), getattr(value, name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _statements((*path, str(key)), inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _statements(path, inner)
