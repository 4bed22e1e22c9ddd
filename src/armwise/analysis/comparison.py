"""The rows of data behind one comparison: an analysis of the protocol at one visit, ready for its method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.adjusted import WITHOUT_PROPENSITY, adjusted_method, propensity_of
from armwise.analysis.imputation import CompletedScores, Imputed, completed_scores, imputed_outcomes
from armwise.analysis.model_imputation import ModelImputed, model_imputed, model_method
from armwise.analysis.repeated import Repeated, all_visits, method_words
from armwise.analysis.results import Row, estimate_row, row
from armwise.analysis.within_sites import within_sites
from armwise.derive.derived import Derived
from armwise.derive.populations import after_events, filled, in_set
from armwise.errors import FitError, UsageError
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import ADJUSTED_TARGETS, DRAWN, WEIGHTED
from armwise.stats import Propensity, summary, wilson
from armwise.stats.analysis_of_covariance import METHOD as ANCOVA
from armwise.stats.firth import METHOD as FIRTH
from armwise.stats.fisher import METHOD as FISHER
from armwise.stats.ordinal import METHOD as PROPORTIONAL_ODDS
from armwise.stats.permutation import METHOD as PERMUTATION
from armwise.stats.proportions import METHOD_NAMES as INTERVALS
from armwise.study.tables import FILE, LINE

#: Method of the protocol -> the statistic that it compares arms by; only these carry the comparison's p.
STATISTIC: dict[str, str] = {
    "ancova": "mean difference",
    "mean-difference": "mean difference",
    "mann-whitney": "shift",
    "permutation": "mean difference",
    "mmrm": "mean difference",
    "risk-difference": "risk difference",
    "risk-ratio": "risk ratio",
    "odds-ratio": "odds ratio",
    "fisher-exact": "odds ratio",
    "proportional-odds": "odds ratio",
}


def is_comparison(protocol: Protocol, row: Row) -> bool:
    """Whether a row is a declared analysis's comparison of an arm with the reference (not a companion of it)."""
    analysis = protocol.analyses.get(row["analysis"])
    if analysis is None or row["versus"] is None or row["statistic"] != STATISTIC[analysis.method]:
        return False
    return bool((row["method"] == FISHER) == (analysis.method == "fisher-exact"))


def unit_of_difference(unit: str) -> str:
    """The unit of a difference of two outcomes: percentage points where these are in per cent of the baseline."""
    return "percentage points" if unit == "per cent" else unit


@dataclass(frozen=True)
class Comparison:
    """One analysis at one visit.

    Attributes:
        name, analysis: the analysis and its name.
        protocol: the protocol.
        visit: the visit.
        frame: `subject, arm, outcome` and the covariates of those who are analysed, complete.
        about: the columns that every row of this comparison has.
        reference: the reference arm.
        arms: the arms that are compared with it.
        higher_is_better: direction of the outcome.
        lost: `subject, arm, excluded, _file, _row` of those who are not analysed, with the reason.
        n_missing: arm -> (how many of the analysis set had no outcome before any rule filled it, how many the analysis
            set has).
        repeated: the patients of a model for repeated measures, which has more of them than `frame` has at its visit.
        imputed: the outcomes of everyone in every completed data set, where missing ones are drawn: `frame` holds
            those who were observed.
        undrawn: why missing outcomes could not be drawn, if they could not.
        modelled: the outcomes of everyone at all visits, imputed on one model.
    """

    name: str
    analysis: Analysis
    protocol: Protocol
    visit: str
    frame: pl.DataFrame
    about: Mapping[str, Any]
    reference: str
    arms: tuple[str, ...]
    higher_is_better: bool | None
    lost: pl.DataFrame
    n_missing: Mapping[str, tuple[int, int]]
    repeated: Repeated | None = None
    imputed: Imputed | None = None
    undrawn: str = ""
    modelled: ModelImputed | None = None

    def outcome(self, arm: str) -> NDArray[np.float64]:
        """The outcomes of one arm."""
        return self.frame.filter(pl.col("arm") == arm)["outcome"].to_numpy()

    @property
    def people(self) -> pl.DataFrame:
        """Everyone whom the method uses, with covariates: whoever has any visit in a model of all, or is imputed."""
        for made in (self.imputed, self.modelled):
            if made is not None:
                return made.people
        return self.frame if self.repeated is None else self.repeated.people

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Who of them is in the first arm that is compared."""
        return np.asarray((self.people["arm"] == self.arms[0]).to_numpy(), dtype=np.bool_)

    def size(self, arm: str) -> int:
        """How many of them are in an arm."""
        return int((self.people["arm"] == arm).sum())

    def counts(self, arm: str) -> tuple[int, int]:
        """Responders and subjects of one arm."""
        values = self.outcome(arm)
        return int(values.sum()), len(values)

    def between(self, arm: str) -> dict[str, Any]:
        """The columns of a row that compares an arm with the reference."""
        unit = unit_of_difference(self.about["unit"])
        return {**self.about, "arm": arm, "versus": self.reference, "unit": unit}

    @cached_property
    def propensity(self) -> Propensity:
        """The model of being in the first arm, which overlap weights come from.

        Raises:
            UsageError: nobody, or everybody, is in that arm.
        """
        return propensity_of(self.analysis, self.treated, self.covariates())

    @property
    def model(self) -> Propensity | dict[str, NDArray[Any]]:
        """What the arms are adjusted by: the propensity model, fitted once, or the covariates where there is none."""
        return self.covariates() if self.analysis.adjust in WITHOUT_PROPENSITY else self.propensity

    def covariates(self) -> dict[str, NDArray[Any]]:
        """Covariate -> values: numbers as floats, categories as text; of imputed data those of the first set."""
        if self.imputed is not None:
            return self.imputed.covariates_of(0)
        return {name: self.frame[name].to_numpy() for name in self.analysis.covariates}

    @property
    def statistic(self) -> str:
        """The statistic that the arms are compared by."""
        return STATISTIC[self.analysis.method]

    @property
    def method(self) -> str:
        """The method in the words of its own rows: a comparison that cannot be made has the key of one that can."""
        if self.analysis.adjust in WEIGHTED:
            return adjusted_method(
                self.analysis, "risk" if self.analysis.method == "risk-difference" else "mean"
            )
        return {
            "ancova": model_method(self.analysis) if self.analysis.missing in DRAWN else ANCOVA,
            "mean-difference": "Welch",
            "mann-whitney": "Mann-Whitney",
            "permutation": PERMUTATION,
            "mmrm": method_words(self.analysis),
            "risk-difference": INTERVALS[self.analysis.interval or "newcombe"],
            "risk-ratio": INTERVALS["miettinen-nurminen"],
            "odds-ratio": INTERVALS["miettinen-nurminen"] if self.analysis.adjust == "none" else FIRTH,
            "fisher-exact": FISHER,
            "proportional-odds": PROPORTIONAL_ODDS,
        }[self.analysis.method]

    def within(self, condition: pl.Expr, subgroup: str) -> Comparison:
        """The same comparison among some of the subjects.

        Raises:
            UsageError: missing outcomes were drawn: these people's would have to be drawn again.
        """
        if self.imputed is not None or self.modelled is not None:
            raise UsageError("a subgroup of imputed data is not compared: its draws are those of everyone")
        about = {**self.about, "subgroup": subgroup}
        repeated = None if self.repeated is None else self.repeated.within(condition)
        return replace(self, frame=self.frame.filter(condition), about=about, repeated=repeated)


def comparisons(derived: Derived, name: str, analysis: Analysis) -> Iterator[Comparison]:
    """One `Comparison` a visit of the analysis."""
    protocol = derived.study.protocol
    endpoint = protocol.endpoints[analysis.endpoint]
    estimand = protocol.estimands.get(analysis.estimand or "")
    chosen = estimand.set if estimand else "full"
    everyone = in_set(protocol, derived.study.tables, derived.subjects, chosen)
    rows = derived.endpoints.filter(pl.col("endpoint") == analysis.endpoint)
    rows = after_events(protocol, estimand, rows, derived.study.tables.get("events"), derived.subjects)
    rows = filled(rows, analysis.missing, protocol, endpoint.kind)
    direction = derived.catalogue[endpoint.score].higher_is_better if endpoint.score else None
    known = everyone.join(derived.covariates.drop("arm"), on="subject", how="left", maintain_order="left")
    known = within_sites(protocol, analysis, known)
    fits = ADJUSTED_TARGETS[analysis.adjust]
    target = estimand.target if estimand and estimand.target in fits else fits[0]
    repeated, excluded, drawn, modelled = None, None, None, None
    if analysis.method == "mmrm":
        repeated, excluded = all_visits(protocol, analysis, known, rows, derived.subjects)
    for visit in protocol.analysis_visits(analysis):
        here = rows.filter(pl.col("visit") == visit)
        people = known.join(
            here.select("subject", "outcome", "missing", "baseline", "filled", FILE, LINE),
            on="subject",
            how="left",
            maintain_order="left",
        )
        people = _with_origin(people, derived)
        if excluded is not None:
            people = people.join(excluded, on="subject", how="left", maintain_order="left")
        elif analysis.missing == "impute" and analysis.adjust in WEIGHTED:
            people = people.with_columns(_not_drawn(analysis, known, endpoint.kind))
            drawn = drawn or _drawn(derived, analysis, people)
        elif analysis.missing in DRAWN:
            people = people.with_columns(_without_covariate(analysis, endpoint.kind))
            compared = people.filter(pl.col("excluded").is_null())
            modelled = modelled or model_imputed(protocol, analysis, compared, rows)
        else:
            people = people.with_columns(_excluded(analysis))
        imputed, undrawn = _at_visit(derived, analysis, drawn, visit, here)
        if undrawn:  # then nobody's missing outcome is used
            people = people.drop("excluded").with_columns(_excluded(analysis))
        if imputed is None:  # a site may have lost an arm to missing answers
            people = within_sites(protocol, analysis, people, "excluded")
        kept = people.filter(pl.col("excluded").is_null() & pl.col("outcome").is_not_null())
        inside = people.filter(pl.col("left_out").is_null())
        yield Comparison(
            name=name,
            analysis=analysis,
            protocol=protocol,
            visit=visit,
            frame=kept,
            about={
                "analysis": name,
                "role": analysis.role,
                "planned": "pre-specified" if analysis.planned else "post hoc",
                "endpoint": analysis.endpoint,
                "analysis_set": chosen,
                "target": target,
                "visit": visit,
                "unit": derived.unit_of(analysis.endpoint),
                "label": analysis.label or endpoint.label or name,
            },
            reference=protocol.reference,
            arms=tuple(a for a in protocol.arms if a != protocol.reference),
            higher_is_better=True if endpoint.is_response else direction,
            lost=people.filter(pl.col("excluded").is_not_null()).select(
                "subject", "arm", "excluded", FILE, LINE
            ),
            n_missing={a: _missing(inside.filter(pl.col("arm") == a)) for a in protocol.arms},
            repeated=repeated,
            imputed=imputed,
            undrawn=undrawn,
            modelled=modelled,
        )


def _drawn(derived: Derived, analysis: Analysis, people: pl.DataFrame) -> CompletedScores | str:
    """The completed scores of those who are compared, or why there are none."""
    compared = people.filter(pl.col("excluded").is_null())
    try:
        return completed_scores(derived, analysis, compared)
    except (UsageError, FitError) as error:
        return f"missing outcomes could not be drawn: {error}"


def _at_visit(
    derived: Derived, analysis: Analysis, drawn: CompletedScores | str | None, visit: str, here: pl.DataFrame
) -> tuple[Imputed | None, str]:
    """The imputed outcomes at a visit; or none, and why where they were asked for."""
    if not isinstance(drawn, CompletedScores):
        return None, drawn or ""
    try:
        return imputed_outcomes(derived, analysis, drawn, visit, here), ""
    except UsageError as error:
        return None, f"missing outcomes could not be drawn: {error}"


def _not_drawn(analysis: Analysis, known: pl.DataFrame, kind: str) -> pl.Expr:
    """Why somebody is not analysed although missing outcomes are drawn: an unknown category, where not one of two."""
    inside = known.filter(pl.col("left_out").is_null())
    kinds = [c for c in analysis.covariates if c in known.columns and known[c].dtype == pl.String]
    undrawn = [c for c in kinds if inside[c].drop_nulls().n_unique() != 2]
    whys = [pl.when(pl.col(c).is_null()).then(pl.lit(f"covariate missing: {c}")) for c in undrawn]
    return pl.coalesce("left_out", *_undefined(kind), *whys).alias("excluded")


def _undefined(kind: str) -> list[pl.Expr]:
    """What no draw can mend: nothing is a per cent of a baseline of 0."""
    if kind != "percent-change":
        return []
    return [pl.when(pl.col("baseline") == 0).then(pl.lit("outcome missing: baseline is 0"))]


def _with_origin(people: pl.DataFrame, derived: Derived) -> pl.DataFrame:
    """Where there is no record of the outcome, the subject's own row stands for what was left out."""
    origin = derived.subjects.select("subject", pl.col(FILE).alias("_of"), pl.col(LINE).alias("_or"))
    joined = people.join(origin, on="subject", how="left", maintain_order="left")
    return joined.with_columns(
        pl.coalesce(FILE, "_of").alias(FILE),
        pl.when(pl.col(LINE).is_null()).then("_or").otherwise(LINE).alias(LINE),
    ).drop("_of", "_or")


def _excluded(analysis: Analysis) -> pl.Expr:
    """Why a subject is not analysed: the first of not in the set, no outcome, no covariate; null when analysed."""
    why = pl.concat_str(pl.lit("outcome missing: "), pl.col("missing").fill_null("not recorded"))
    return pl.coalesce(
        "left_out",
        pl.when(pl.col("outcome").is_null()).then(why),
        *(pl.when(pl.col(c).is_null()).then(pl.lit(f"covariate missing: {c}")) for c in analysis.covariates),
    ).alias("excluded")


def _without_covariate(analysis: Analysis, kind: str) -> pl.Expr:
    """Why somebody is not analysed although every outcome is imputed."""
    whys = (pl.when(pl.col(c).is_null()).then(pl.lit(f"covariate missing: {c}")) for c in analysis.covariates)
    return pl.coalesce("left_out", *_undefined(kind), *whys).alias("excluded")


def _missing(people: pl.DataFrame) -> tuple[int, int]:
    gap = people["outcome"].is_null() | people["filled"].fill_null(False)
    return int(gap.sum()), people.height


#: Method of the rows that say which outcomes a comparison used, after any rule for missing ones filled them.
AS_ANALYSED = "as analysed"


def analysed_rows(c: Comparison) -> Iterator[Row]:
    """What the method was given, by arm: responders among those analysed, or the mean and SD of their outcomes."""
    response = c.protocol.endpoints[c.analysis.endpoint].is_response
    for arm in c.protocol.arms:
        about = {**c.about, "target": "everyone", "arm": arm, "method": AS_ANALYSED}
        if response:
            responders, n = c.counts(arm)
            yield row("responders", responders, n=n, **{**about, "unit": "subjects"})
            if n and (c.analysis.method, c.analysis.adjust) != (
                "risk-difference",
                "none",
            ):  # which gives it itself
                risk = wilson(responders, n, c.analysis.conf_level)
                yield estimate_row(risk, **{**about, "unit": "proportion", "reason": risk.method})
            continue
        values = c.outcome(arm)
        found = summary(values)
        for name, value in (("mean", found.mean), ("sd", found.sd)):
            if value is None:
                nobody = "nobody is analysed" if c.repeated is None else "nobody was observed at this visit"
                why = nobody if not found.n else "one subject has no standard deviation"
                yield row(name, None, n=found.n, status="not estimable", reason=why, **about)
            else:
                yield row(name, value, n=found.n, **about)


def exclusion_rows(c: Comparison) -> Iterator[Row]:
    """How many subjects are not analysed, by arm and reason; and how many outcomes were missing before any rule."""
    for arm in c.protocol.arms:
        missing, n = c.n_missing[arm]
        yield row("missing outcomes", missing, n=n, arm=arm, **{**c.about, "unit": "subjects"})
        mine = c.lost.filter(pl.col("arm") == arm)
        for reason in mine["excluded"].unique().sort():
            number = mine.filter(pl.col("excluded") == reason).height
            yield row("excluded", number, arm=arm, category=reason, **{**c.about, "unit": "subjects"})
