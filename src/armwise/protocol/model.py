"""The protocol as values: what `protocol.yaml` may say, and nothing else.

One class a section of the file, frozen; an unknown key is a mistake. What is collected stands here, what is planned
in `plan`. References between sections (an endpoint's score, an analysis's endpoint) are plain strings: `check` follows
them.
"""

# ruff: noqa: RUF012 (pydantic gives each value its own copy of a default)

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from armwise.protocol.associations import Association as Association
from armwise.protocol.cell_product import CellProduct as CellProduct
from armwise.protocol.cell_product import Conversion as Conversion
from armwise.protocol.cell_product import Measure as Measure
from armwise.protocol.cell_product import Ratio as Ratio
from armwise.protocol.cell_product import ReferenceRange as ReferenceRange
from armwise.protocol.effect_modification import Modifier as Modifier
from armwise.protocol.fragility import Fragility as Fragility
from armwise.protocol.imaging import Blinded as Blinded
from armwise.protocol.imaging import Grade as Grade
from armwise.protocol.imaging import Imaging as Imaging
from armwise.protocol.medication import DOSE, NUMBER
from armwise.protocol.medication import Medication as Medication
from armwise.protocol.plan import METHODS as METHODS
from armwise.protocol.plan import Analysis as Analysis
from armwise.protocol.plan import AnalysisSet as AnalysisSet
from armwise.protocol.plan import Covariate as Covariate
from armwise.protocol.plan import Endpoint as Endpoint
from armwise.protocol.plan import Estimand as Estimand
from armwise.protocol.plan import Event as Event
from armwise.protocol.plan import Family as Family
from armwise.protocol.plan import Improvement as Improvement
from armwise.protocol.plan import Imputation as Imputation
from armwise.protocol.plan import Margin as Margin
from armwise.protocol.plan import MissingRule as MissingRule
from armwise.protocol.plan import Published as Published
from armwise.protocol.plan import Size as Size
from armwise.protocol.plan import Subgroup as Subgroup
from armwise.protocol.responders import Anchor as Anchor
from armwise.protocol.responders import Threshold as Threshold
from armwise.protocol.responders import Thresholds as Thresholds
from armwise.protocol.safety import Mark as Mark
from armwise.protocol.safety import Safety as Safety
from armwise.protocol.section import Name, Reference, Visits
from armwise.protocol.section import Section as Section
from armwise.protocol.target_trial import Components as Components
from armwise.protocol.target_trial import TargetTrial as TargetTrial
from armwise.protocol.treatments import Care as Care
from armwise.protocol.treatments import Procedures as Procedures
from armwise.protocol.treatments import Treatments as Treatments
from armwise.yaml_lines import word

Allocation = Literal["randomised", "nonrandomised"]
#: What decided who came into which arm, where chance did not.
AllocatedBy = Literal["patient-choice", "clinician", "site", "period", "unstated"]
Masking = Literal["open-label", "single-blind", "double-blind", "assessor-blind"]
#: Days from time zero, within a hundred years.
Days = Annotated[int, Field(ge=-36500, le=36500)]
#: A category of reasons, as it stands in the tables and on the page.
Reason = Annotated[str, Field(min_length=1, max_length=80)]


def _by_name(value: str) -> str:
    """A path would lead to a file that does not travel with the study, and that the manifest knows nothing of."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        what = f"found `{value[:80]}`, expected the name of an instrument"
        raise ValueError(f"{what}; one of your own stands in instruments/, named without .yaml")
    return value


Instrument = Annotated[str, AfterValidator(_by_name)]


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
    allocated_by: AllocatedBy = "unstated"
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

    instrument: Instrument | None = None
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


class Protocol(Section):
    """A whole `protocol.yaml`."""

    study: Study
    arms: dict[Name, Arm] = Field(min_length=2)
    time_zero: Reference | dict[str, Reference] = "subjects.enrolled"
    visits: dict[Name, Visit] = Field(min_length=1)
    visits_by: Literal["label", "date"] = "label"
    window_rule: Literal["nearest", "first", "last"] = "nearest"
    forms: dict[Name, Form]
    reasons: tuple[Reason, ...] = ()
    eligibility: Eligibility = Eligibility()
    events: dict[str, Event] = {}
    covariates: dict[Name, Covariate] = {}
    subgroups: dict[Name, Subgroup] = {}
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    analysis_sets: dict[Name, AnalysisSet] = {}
    estimands: dict[Name, Estimand] = {}
    families: dict[Name, Family] = {}
    size: Size | None = None
    imputation: Imputation = Imputation()
    target_trial: TargetTrial | None = None
    safety: Safety | None = None
    fragility: Fragility | None = None
    imaging: Imaging | None = None
    medication: Medication | None = None
    treatments: Treatments | None = None
    analyses: dict[Name, Analysis] = Field(min_length=1)
    published: tuple[Published, ...] = ()
    thresholds: dict[Name, Thresholds] = {}
    anchors: dict[Name, Anchor] = {}
    cell_product: CellProduct | None = None
    associations: dict[Name, Association] = {}

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

    def leading_visit(self, analysis: Analysis) -> str:
        """The visit that an analysis stands for: the one that it is tested at, else its last."""
        return analysis.tested_at or self.analysis_visits(analysis)[-1]

    def measured_visits(self, name: str) -> tuple[str, ...]:
        """The visits after baseline at which every score behind an endpoint is recorded."""
        endpoint = self.endpoints[name]
        parts = [self.endpoints[part] for part in endpoint.of] or [endpoint]
        planned = [self._recorded_at(part.score or "") for part in parts]
        after = self.visits_after_baseline()
        return tuple(
            v for v in after if all(at == "all" or (isinstance(at, tuple) and v in at) for at in planned)
        )

    def _recorded_at(self, score: str) -> Literal["all", "none"] | tuple[str, ...]:
        """When a score is recorded: one computed from medication records at every visit that takes place."""
        form, _, name = score.partition(".")
        if self.medication and form == self.medication.form and name in (DOSE, NUMBER):
            return "all"
        return self.forms[form].at
