"""What the simulator draws from, as values: the grammar of `assumptions.yaml`.

Every block of numbers says whether they are `confirmed` (read in a source) or `assumed` (invented, or taken
over from another study), and its source: the report on a simulated study prints both lists.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from armwise.errors import FileError, ProtocolError
from armwise.protocol.model import Protocol

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
#: covariate, covariate.category or form.score -> number.
Effects = dict[str, float]


class Part(BaseModel):
    """A part of the file: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Statement(Part):
    """Numbers that share one status and one source; `confirmed` names single ones of an assumed block."""

    status: Literal["confirmed", "assumed"]
    source: str = Field(min_length=1)
    confirmed: dict[str, Annotated[str, Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _exceptions_exist(self) -> Statement:
        if self.confirmed and self.status == "confirmed":
            raise ValueError(
                "`confirmed` names single numbers of an assumed block; here the whole block is confirmed"
            )
        numbers = self.plain()
        for place in self.confirmed:
            if take(numbers, place) is None:
                raise ValueError(f"`confirmed` names `{place}`, which is not in this block")
        return self

    def plain(self) -> dict[str, Any]:
        """The block without its status, sources and kind, as plain data."""
        beside = {"status", "source", "confirmed", "kind", "arm"}
        return self.model_dump(mode="json", exclude=beside, exclude_unset=True)


def take(numbers: dict[str, Any], place: str) -> Any:
    """What stands at a dotted place (`items.tnc.mean`), or None."""
    found: Any = numbers
    for key in place.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


class Size(Statement):
    """Patients enrolled in each arm."""

    per_arm: dict[str, Annotated[int, Field(ge=1)]]


class Enrolment(Statement):
    """When patients enter, where, and how many days pass until time zero where that is not the enrolment."""

    first: dt.date
    months: Positive
    sites: dict[str, Positive] = {}
    subject: str = "{site}-{number:03d}"
    days_to_time_zero: dict[str, tuple[int, int]] = {}


class Screening(Statement):
    """Those who were screened and not enrolled, counted by reason."""

    not_eligible: dict[str, Count] = {}
    declined: dict[str, Count] = {}


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


Covariate = Annotated[Normal | Category, Field(discriminator="kind")]


class Chosen(Statement):
    """Patients (with their physicians) choose the arm: log odds against the reference arm."""

    kind: Literal["chosen"]
    log_odds: dict[str, Effects]


class Random(Statement):
    """Arms are allocated by chance, in permuted blocks of `blocks` times the arms' ratio."""

    kind: Literal["random"]
    blocks: int = Field(default=2, ge=1)


Allocation = Annotated[Chosen | Random, Field(discriminator="kind")]


class Correlations(Statement):
    """Of the covariates, of the scores (one visit) and of the visits (one score); pairs not given are 0."""

    covariates: dict[str, Effects] = {}
    scores: dict[str, Effects] = {}
    visits: dict[str, Effects] = {}


class BaselineScore(Statement):
    """A score before treatment, among all who enter: mean, SD, what it is cut to, and points per SD of covariates."""

    mean: float
    sd: Positive
    range: tuple[float, float] | None = None
    effects: Effects = {}


class ByVisit(Statement):
    """Numbers of one arm by visit."""

    arm: str
    values: dict[str, float] = Field(min_length=1)


class ChangeEffects(Statement):
    """What the change depends on, in points per SD at the last visit, and how it builds up by visit."""

    common: Effects = {}
    by_arm: dict[str, Effects] = {}
    share: dict[str, float] = {}


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
    modes: dict[str, Positive] = {}


class Dropout(Statement):
    """Share of those still in the study who leave it before a visit, and the reasons."""

    event: str = "off_study"
    by_arm: dict[str, dict[str, Share]]
    effects: Effects = {}
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
    reasons: dict[str, Positive] = {}


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
    numbers: dict[str, float] = {}


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


Table = Annotated[Measures | Sites | Grades | Doses | AdverseEvents, Field(discriminator="kind")]


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
    covariates: dict[str, Covariate] = {}
    allocation: Allocation
    outcomes: dict[str, Outcome] = Field(min_length=1)
    correlations: Correlations | None = None
    answers: Answers
    visits: Visits
    missing: Missing = Missing()
    events: dict[str, StudyEvent] = {}
    tables: dict[str, Table] = {}

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


def load_assumptions(path: Path, protocol: Protocol) -> Assumptions:
    """Reads `assumptions.yaml` and checks it against the protocol that it is to be drawn for.

    Args:
        path: the file, or the study folder that holds `assumptions.yaml`.
        protocol: the study's protocol.

    Returns:
        The assumptions.

    Raises:
        FileError: there is no such file.
        ProtocolError: it holds mistakes; `problems` lists them all, each with its line.
    """
    from armwise.protocol.load import build
    from armwise.simulate.check import check
    from armwise.yaml_lines import read_yaml

    file = path / "assumptions.yaml" if path.is_dir() else path
    if not file.is_file():
        raise FileError(
            f"{file}: no such file; the simulator draws from an assumptions.yaml (see docs/simulate.md)"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    data, lines = read_yaml(text, file.name)
    assumptions, problems = build(Assumptions, data, lines, file.name)
    if assumptions is not None:
        problems = problems + check(assumptions, protocol, data, lines, file)
    if problems or assumptions is None:
        problems.sort(key=lambda p: (p.row or 0, p.column))
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise ProtocolError(f"{path}: {count}", problems)
    return assumptions
