"""The plan: endpoints, estimands and analyses, as `protocol.yaml` may write them.

Words are those of ICH E9(R1) and CDISC. `check_plan` and `check_meaning` follow which of them may stand together.
"""

# ruff: noqa: RUF012 (pydantic gives each value its own copy of a default)

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from armwise.protocol.effect_modification import Modifier
from armwise.protocol.section import Reference, Section, Visits

Role = Literal["primary", "key-secondary", "secondary", "sensitivity", "exploratory"]
Target = Literal["everyone", "treated", "overlap"]
Strategy = Literal["treatment-policy", "non-response", "hypothetical", "while-on-treatment"]
MissingRule = Literal[
    "complete-cases", "non-response", "worst-case", "locf", "likelihood",
    "impute", "jump-to-reference", "copy-reference", "copy-increments", "last-mean-carried-forward",
]  # fmt: skip
#: Rules that draw missing outcomes from a model of all visits in the reference arm (Carpenter and others 2013).
REFERENCE_BASED: tuple[MissingRule, ...] = (
    "jump-to-reference", "copy-reference", "copy-increments", "last-mean-carried-forward",
)  # fmt: skip
#: Rules after which outcomes are drawn many times and the estimates pooled.
DRAWN: tuple[MissingRule, ...] = ("impute", *REFERENCE_BASED)
Adjustment = Literal[
    "none",
    "covariates",
    "overlap-weights",
    "inverse-probability",
    "entropy-balancing",
    "g-computation",
    "aipw",
]
#: Adjustment -> the populations that it can speak of; the first is that of an analysis without an estimand.
ADJUSTED_TARGETS: dict[Adjustment, tuple[Target, ...]] = {
    "none": ("everyone",),
    "covariates": ("everyone",),
    "overlap-weights": ("overlap",),
    "inverse-probability": ("everyone", "treated"),
    "entropy-balancing": ("everyone", "treated"),
    "g-computation": ("everyone", "treated"),
    "aipw": ("everyone", "treated"),
}
Covariance = Literal[
    "unstructured", "heterogeneous-toeplitz", "toeplitz", "heterogeneous-ar1", "ar1",
    "heterogeneous-compound-symmetry", "compound-symmetry", "heterogeneous-ante-dependence", "ante-dependence",
    "spatial-exponential", "heterogeneous-independence", "independence",
]  # fmt: skip
Fallback = Literal[
    "heterogeneous-ar1", "ar1", "heterogeneous-compound-symmetry", "compound-symmetry",
    "heterogeneous-ante-dependence", "ante-dependence", "spatial-exponential", "heterogeneous-independence",
    "independence", "none",
]  # fmt: skip
DegreesOfFreedom = Literal[
    "kenward-roger", "kenward-roger-log-cholesky", "satterthwaite", "between-within", "residual"
]

#: The site of a subject, a column of its own of the table `subjects`: as a covariate, arms are compared within sites.
SITE = "subjects.site"

#: The comparisons that this version can make, and the kind of endpoint that each one takes.
METHODS: dict[str, Literal["number", "response"]] = {
    "ancova": "number",
    "mean-difference": "number",
    "mmrm": "number",
    "mann-whitney": "number",
    "permutation": "number",
    "risk-difference": "response",
    "risk-ratio": "response",
    "odds-ratio": "response",
    "fisher-exact": "response",
    "proportional-odds": "number",
}

#: Adjustments that compare two adjusted arm means or risks in a target population.
WEIGHTED: tuple[Adjustment, ...] = tuple(a for a in ADJUSTED_TARGETS if a not in ("none", "covariates"))


def _threshold(value: Any) -> Any:
    """10, 2.5 or "30%" as text, so that its value stays exact."""
    text = str(value).strip()
    if re.match(r"(anchors?|mic)\b", text, re.IGNORECASE):
        own = "a threshold from this study's own anchor would test the arms by what they define themselves"
        raise ValueError(f"found `{value}`: {own}; write a number from another study")
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]*\.?[0-9]+ ?%?", text):
        raise ValueError(f"found `{value}`; write points (10) or a per cent of baseline (30%)")
    if Fraction(text.removesuffix("%").strip()) <= 0:
        raise ValueError(f"found `{value}`; an improvement is written as a positive number")
    return text


Amount = Annotated[str, BeforeValidator(_threshold)]

#: Covariances that do not stand in for another, and why.
NO_FALLBACK = {
    "unstructured": "it has the most parameters of all: where another has no fit it has none either",
    "toeplitz": "it is itself singular or not converged in a few per cent of studies",
    "heterogeneous-toeplitz": "it is itself singular or not converged in a few per cent of studies",
}


def _stands_in(value: Any) -> Any:
    """A covariance that cannot take another's place is told why; `_spelled_out` and the list do the rest."""
    if why := NO_FALLBACK.get(str(value)):
        raise ValueError(
            f"`{value}` is no fallback: {why}; use heterogeneous-ar1, another structure, or none"
        )
    return value


def _spelled_out(value: Any) -> Any:
    """The short names of R's mmrm and SAS are told the long one; a protocol is read by people who know neither."""
    from armwise.stats.repeated.covariance import SHORT

    if long := SHORT.get(str(value)):
        raise ValueError(f"found `{value}`; a protocol spells it out: `{long}`")
    return value


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

    kind: Literal["value", "change", "percent-change", "responder", "state", "any", "all"]
    label: str = ""
    score: Reference | None = None
    improvement: Improvement | None = None
    at_least: float | None = None
    at_most: float | None = None
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
        limits = (self.at_least is not None) + (self.at_most is not None)
        if limits != (self.kind == "state"):
            raise ValueError(
                "`at_least` and `at_most` belong to kind state, and a state needs exactly one of them"
            )
        return self

    @property
    def is_response(self) -> bool:
        """Whether the endpoint is yes or no."""
        return self.kind in ("responder", "state", "any", "all")


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
    tested_at: str | None = None
    role: Role
    label: str = ""
    estimand: str | None = None
    method: str
    adjust: Adjustment = "none"
    covariates: tuple[str, ...] = ()
    droppable: tuple[str, ...] = ()
    variance: Literal["sandwich", "jackknife", "known", "rubin"] | None = None
    missing: MissingRule = "complete-cases"
    delta: dict[str, float] = {}
    covariance: Annotated[Covariance, BeforeValidator(_spelled_out)] = "unstructured"
    fallback: Annotated[Fallback, BeforeValidator(_spelled_out), BeforeValidator(_stands_in)] = (
        "heterogeneous-ar1"
    )
    degrees_of_freedom: DegreesOfFreedom = "kenward-roger"
    one_effect: tuple[str, ...] = ()
    models: Literal["common", "per-arm"] = "common"
    interval: Literal["newcombe", "miettinen-nurminen"] | None = None
    ls_means: Literal["equal", "observed"] = "equal"
    supports: str | None = None
    also: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    margin: Margin | None = None
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)
    planned: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_visit_may_be_a_word(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("at"), str) and data["at"] != "all":
            data = {**data, "at": [data["at"]]}
        return data

    @model_validator(mode="before")
    @classmethod
    def _a_model_of_all_visits_has_one_rule(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("method") == "mmrm" and "missing" not in data:
            data = {**data, "missing": "likelihood"}
        return data

    @property
    def second_covariance(self) -> Covariance | None:
        """The covariance that is fitted when the first has no fit; None where there is no other."""
        return None if self.fallback == "none" or self.fallback == self.covariance else self.fallback


class Imputation(Section):
    """How missing scores are drawn: sets, seed, other scores that say something about them, steps, the prior."""

    sets: int = Field(default=100, ge=2, le=10_000)
    seed: int = Field(default=1, ge=0)
    scores: tuple[Reference, ...] = ()
    steps: dict[Reference, Annotated[float, Field(gt=0)]] = {}
    prior_subjects: float = Field(default=3.0, ge=0)


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
