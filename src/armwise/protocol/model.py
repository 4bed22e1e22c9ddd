"""The protocol as values: what `protocol.yaml` may say, and nothing else.

One class a section of the file, frozen; an unknown key is a mistake. References between sections (an
endpoint's score, an analysis's endpoint) are plain strings here: `check` follows them.
Words are those of ICH E9(R1) and CDISC.
"""

from __future__ import annotations

import datetime as dt
import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from armwise.yaml_lines import word

Allocation = Literal["randomised", "nonrandomised"]
Masking = Literal["open-label", "single-blind", "double-blind", "assessor-blind"]
Role = Literal["primary", "key-secondary", "secondary", "sensitivity", "exploratory"]
Target = Literal["everyone", "treated", "overlap"]
Strategy = Literal["treatment-policy", "non-response", "hypothetical"]
MissingRule = Literal["complete-cases", "non-response", "worst-case", "locf"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
#: Days from time zero, within a hundred years.
Days = Annotated[int, Field(ge=-36500, le=36500)]
Visits = Annotated[tuple[str, ...], Field(min_length=1)]
Reference = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]

#: The comparisons that this version can make, and the kind of endpoint that each one takes.
METHODS: dict[str, Literal["number", "response"]] = {
    "ancova": "number",
    "mean-difference": "number",
    "mann-whitney": "number",
    "risk-difference": "response",
    "risk-ratio": "response",
    "odds-ratio": "response",
    "fisher-exact": "response",
}


class Section(BaseModel):
    """A part of the protocol: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Registration(Section):
    """Where and when the study was registered."""

    registry: str
    number: str
    date: dt.date | None = None


class Publication(Section):
    """A publication that the study belongs to, or that it re-analyses."""

    citation: str
    pmid: str | None = None
    doi: str | None = None


class Study(Section):
    """What the study is: one paragraph of a methods section, as data."""

    id: str
    version: str
    title: str
    objective: str = ""
    population: str = ""
    setting: str = ""
    language: str = "en"
    allocation: Allocation
    masking: Masking
    model: Literal["parallel"] = "parallel"
    registration: Registration | None = None
    publication: Publication | None = None
    paper: Literal["A4", "Letter"] = "A4"


class Arm(Section):
    """One arm; exactly one arm of a study is the reference."""

    label: str
    short: str = ""
    description: str = ""
    components: tuple[str, ...] = ()
    reference: bool = False
    planned: int | None = Field(default=None, ge=1)


class Visit(Section):
    """A planned contact: its target day after time zero and its window, in days around that day."""

    day: Days
    label: str = ""
    window: tuple[Days, Days] | None = None

    @model_validator(mode="after")
    def _window_holds_its_day(self) -> Visit:
        if self.window and not self.window[0] <= 0 <= self.window[1]:
            what = f"the window {list(self.window)} must hold the target day"
            raise ValueError(f"{what}: [days before <= 0, days after >= 0]")
        return self


class Condition(Section):
    """A condition on another item of the same form: `{item: pregnant, equals: "yes"}`."""

    item: str
    equals: str | int | float | bool


class Item(Section):
    """One question of a form: typed, with its unit; never guessed from the data."""

    type: Literal["integer", "number", "choice", "date", "text"]
    label: str | dict[str, str] = ""
    unit: str = ""
    range: tuple[float, float] | None = None
    choices: dict[str, str] | None = None
    required: bool = False
    show_if: Condition | None = None
    direction: Literal["higher-better", "lower-better"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _choices_may_be_a_list(cls, data: Any) -> Any:
        found = data.get("choices") if isinstance(data, dict) else None
        if isinstance(found, list):
            data = {**data, "choices": {word(c): word(c) for c in found}}
        elif isinstance(found, dict):  # {1: Mild, 2: Severe}: what stands in a table is text
            data = {**data, "choices": {word(c): label for c, label in found.items()}}
        return data

    @model_validator(mode="after")
    def _parts_fit_the_type(self) -> Item:
        if self.type == "choice" and not self.choices:
            raise ValueError("an item of type choice needs its choices: [a, b] or {code: label}")
        if self.type != "choice" and self.choices:
            raise ValueError(f"choices belong to an item of type choice, not {self.type}")
        if self.range and self.type not in ("integer", "number"):
            raise ValueError(f"a range belongs to an integer or a number, not to {self.type}")
        if self.range and self.range[0] > self.range[1]:
            raise ValueError(f"the range {list(self.range)} runs downwards; write [lowest, highest]")
        return self

    def text(self, language: str) -> str:
        """The label in a language, or in the first language given."""
        if isinstance(self.label, str):
            return self.label
        return self.label.get(language) or next(iter(self.label.values()), "")


class Form(Section):
    """A page of items, or an instrument, and when, for whom and by whom it is filled in."""

    instrument: str | None = None
    label: str = ""
    items: dict[Name, Item] = {}
    at: Literal["all", "none"] | Visits = "none"
    arms: tuple[str, ...] | None = None
    by: Literal["patient", "staff", "laboratory", "imaging"] = "staff"
    keys: tuple[str, ...] | None = None
    options: dict[str, Any] = {}
    columns: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _one_visit_may_be_a_word(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("at"), str) and data["at"] not in ("all", "none"):
            data = {**data, "at": [data["at"]]}
        return data

    @model_validator(mode="after")
    def _instrument_or_items(self) -> Form:
        if (self.options or self.columns) and not self.instrument:
            raise ValueError("options and columns belong to a form with an instrument")
        return self


class Eligibility(Section):
    """Who may enter, in words, with a short name for each criterion."""

    inclusion: dict[Name, str] = {}
    exclusion: dict[Name, str] = {}


def _threshold(value: Any) -> Any:
    """10, 2.5 or "30%" as text, so that its value stays exact."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]*\.?[0-9]+ ?%?", text):
        raise ValueError(f"found `{value}`; write points (10) or a per cent of baseline (30%)")
    if Fraction(text.removesuffix("%").strip()) <= 0:
        raise ValueError(f"found `{value}`; an improvement is written as a positive number")
    return text


Amount = Annotated[str, BeforeValidator(_threshold)]


class Improvement(Section):
    """The improvement that makes a responder: points, or per cent of baseline; with its operator."""

    at_least: Amount | None = None
    more_than: Amount | None = None

    @model_validator(mode="after")
    def _one_operator(self) -> Improvement:
        if (self.at_least is None) == (self.more_than is None):
            raise ValueError("say exactly one of at_least and more_than")
        return self

    @property
    def amount(self) -> str:
        """The amount as written: `10` or `30%`."""
        return self.at_least or self.more_than or ""

    @property
    def percent(self) -> bool:
        """Whether the amount is a per cent of the baseline."""
        return self.amount.endswith("%")

    @property
    def exact(self) -> Fraction:
        """The amount as a fraction: points, or a share of the baseline."""
        number = Fraction(self.amount.removesuffix("%").strip())
        return number / 100 if self.percent else number

    @property
    def strict(self) -> bool:
        """True for more_than."""
        return self.more_than is not None


class Endpoint(Section):
    """A score over time, made into what is compared."""

    kind: Literal["value", "change", "percent-change", "responder", "any", "all"]
    label: str = ""
    score: Reference | None = None
    improvement: Improvement | None = None
    of: tuple[str, ...] = ()
    missing_component: Literal["missing", "observed"] = "missing"

    @model_validator(mode="after")
    def _parts_fit_the_kind(self) -> Endpoint:
        composite = self.kind in ("any", "all")
        if composite and (len(self.of) < 2 or self.score or self.improvement):
            raise ValueError(f"kind {self.kind} takes `of`: two or more responder endpoints, and no score")
        if not composite and (self.of or not self.score):
            raise ValueError(f"kind {self.kind} takes `score`: form.score, and no `of`")
        if (self.kind == "responder") != (self.improvement is not None):
            raise ValueError("`improvement` belongs to kind responder, and a responder needs it")
        return self

    @property
    def is_response(self) -> bool:
        """Whether the endpoint is yes or no."""
        return self.kind in ("responder", "any", "all")


class Covariate(Section):
    """A pre-treatment variable: an item of a form kept once a subject, or a score at baseline."""

    label: str = ""
    item: Reference | None = None
    score: Reference | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_an_item(cls, data: Any) -> Any:
        return {"item": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_source(self) -> Covariate:
        if (self.item is None) == (self.score is None):
            raise ValueError(
                "a covariate is either an item (subjects.age) or a score at baseline: {score: odi.total}"
            )
        return self


class AnalysisSet(Section):
    """Whose rows enter: everyone enrolled, or those whose item has a value."""

    label: str = ""
    where: dict[Reference, str] = {}


class Event(Section):
    """An intercurrent event that the `events` table records."""

    label: str = ""


class Estimand(Section):
    """Population, target and a strategy for each intercurrent event (ICH E9(R1))."""

    label: str = ""
    set: str = "full"
    target: Target = "everyone"
    events: dict[str, Strategy] = {}


class Margin(Section):
    """A margin, in the units of the estimate: for non-inferiority the largest loss that is acceptable."""

    kind: Literal["non-inferiority", "equivalence"]
    value: float = Field(gt=0)


class Analysis(Section):
    """One estimand estimated by one method."""

    endpoint: str
    at: Literal["all"] | Visits
    role: Role
    label: str = ""
    estimand: str | None = None
    method: str
    adjust: Literal["none", "covariates", "overlap-weights"] = "none"
    covariates: tuple[str, ...] = ()
    missing: MissingRule = "complete-cases"
    interval: Literal["newcombe", "miettinen-nurminen"] | None = None
    ls_means: Literal["equal", "observed"] = "equal"
    supports: str | None = None
    also: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    margin: Margin | None = None
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)
    planned: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_visit_may_be_a_word(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("at"), str) and data["at"] != "all":
            data = {**data, "at": [data["at"]]}
        return data


class Family(Section):
    """Analyses tested together, in the order of the families in the file."""

    of: tuple[str, ...] = Field(min_length=1)
    order: Literal["single", "holm", "fixed-sequence", "none"] = "single"
    alpha: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _a_list_is_its_members(cls, data: Any) -> Any:
        return {"of": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _single_means_one(self) -> Family:
        if self.order == "single" and len(self.of) > 1:
            raise ValueError("several analyses in one family need an order: holm, fixed-sequence or none")
        return self


class Subgroup(Section):
    """A split of the patients by a covariate: at cut points, or by its categories."""

    covariate: str
    label: str = ""
    cuts: tuple[float, ...] = ()


class Published(Section):
    """A figure from outside, to be set beside the study's own row; never used in an estimate."""

    label: str
    endpoint: str
    visit: str
    arm: str
    statistic: Literal["mean", "risk"]
    value: float
    source: str
    status: Literal["confirmed", "unconfirmed"]


class Size(Section):
    """What the study was planned to detect: patients an arm stand at the arms, the rest here."""

    endpoint: str
    sd: float | None = Field(default=None, gt=0)
    risk: float | None = Field(default=None, gt=0, lt=1)
    power: float = Field(default=0.8, gt=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    source: str = ""

    @model_validator(mode="after")
    def _sd_or_risk(self) -> Size:
        if (self.sd is None) == (self.risk is None):
            raise ValueError(
                "say exactly one of sd (a measured endpoint) and risk (a responder endpoint, reference arm)"
            )
        return self


class Protocol(Section):
    """A whole `protocol.yaml`."""

    study: Study
    arms: dict[Name, Arm] = Field(min_length=2)
    time_zero: Reference | dict[str, Reference] = "subjects.enrolled"
    visits: dict[Name, Visit] = Field(min_length=1)
    visits_by: Literal["label", "date"] = "label"
    window_rule: Literal["nearest", "first", "last"] = "nearest"
    forms: dict[Name, Form]
    eligibility: Eligibility = Eligibility()
    events: dict[str, Event] = {}
    covariates: dict[Name, Covariate] = {}
    subgroups: dict[Name, Subgroup] = {}
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    analysis_sets: dict[Name, AnalysisSet] = {}
    estimands: dict[Name, Estimand] = {}
    families: dict[Name, Family] = {}
    size: Size | None = None
    analyses: dict[Name, Analysis] = Field(min_length=1)
    published: tuple[Published, ...] = ()

    @property
    def reference(self) -> str:
        """The reference arm's name."""
        return next(name for name, arm in self.arms.items() if arm.reference)

    @property
    def baseline(self) -> str:
        """The baseline visit: the first one of the file."""
        return next(iter(self.visits))

    @property
    def randomised(self) -> bool:
        """Whether arms were allocated by chance."""
        return self.study.allocation == "randomised"

    def visit_label(self, visit: str) -> str:
        """What people call a visit."""
        return self.visits[visit].label or visit

    def visits_after_baseline(self) -> tuple[str, ...]:
        """The visits at which an outcome can be compared."""
        return tuple(self.visits)[1:]

    def analysis_visits(self, analysis: Analysis) -> tuple[str, ...]:
        """The visits of an analysis, `all` written out."""
        return self.visits_after_baseline() if analysis.at == "all" else analysis.at
