"""Missing scores drawn many times, and the outcomes that follow from them, for a comparison to pool.

The variables are all visits of the scores behind the endpoint (and of those that the protocol adds) with the covariates
of the analysis: chained regressions, each arm alone. What was observed stays as it was decided, in exact fractions;
only an outcome that is missing is made from drawn scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.derive.derived import Derived
from armwise.derive.populations import after_events
from armwise.errors import UsageError
from armwise.protocol.model import Analysis, Endpoint, Protocol
from armwise.protocol.plan import Strategy
from armwise.stats import impute_chained
from armwise.stats.imputation.chained import Imputed as ChainedImputed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Imputed:
    """The outcomes of everyone at one visit, in every completed data set.

    Attributes:
        people: `subject, arm` and the covariates as recorded, of everyone who is compared.
        outcomes: shape (sets, people).
        covariates: name -> values: shape (people,) where nobody's was missing, else (sets, people).
        missing: shape (people,), whose outcome was drawn.
        notes: what a reader must know of the draws.
    """

    people: pl.DataFrame
    outcomes: Floats
    covariates: Mapping[str, NDArray[np.generic]]
    missing: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def sets(self) -> int:
        """How many completed data sets."""
        return len(self.outcomes)

    @property
    def covariates_differ(self) -> bool:
        """Whether covariates were drawn too, so that every set has a propensity model of its own."""
        return any(values.ndim == 2 for values in self.covariates.values())

    def covariates_of(self, i: int) -> dict[str, NDArray[np.generic]]:
        """The covariates of one completed data set."""
        return {name: v[i] if v.ndim == 2 else v for name, v in self.covariates.items()}


@dataclass(frozen=True, eq=False)
class CompletedScores:
    """The scores of everyone at every visit, in every completed data set.

    Attributes:
        people: `subject, arm` and the covariates as recorded.
        values: (score, visit) -> shape (sets, people).
        covariates: as in `Imputed`.
        notes: what a reader must know of the draws.
    """

    people: pl.DataFrame
    values: Mapping[tuple[str, str], Floats]
    covariates: Mapping[str, NDArray[np.generic]]
    notes: tuple[str, ...]


def scores_behind(protocol: Protocol, name: str) -> tuple[str, ...]:
    """The scores that an endpoint is made of."""
    endpoint = protocol.endpoints[name]
    parts = [protocol.endpoints[part] for part in endpoint.of] or [endpoint]
    return tuple(dict.fromkeys(part.score for part in parts if part.score))


def completed_scores(derived: Derived, analysis: Analysis, people: pl.DataFrame) -> CompletedScores:
    """Draws the missing scores and covariates of an analysis's patients.

    Args:
        derived: the study.
        analysis: whose endpoint, covariates and estimand decide what is drawn.
        people: `subject, arm` and the covariates as recorded, of everyone who is compared.

    Raises:
        UsageError, FitError: the draws cannot be made; why.
    """
    protocol, plan = derived.study.protocol, derived.study.protocol.imputation
    scores = tuple(dict.fromkeys((*scores_behind(protocol, analysis.endpoint), *plan.scores)))
    columns: dict[str, Floats] = {}
    unused: list[str] = []
    bounds: dict[str, tuple[float, float]] = {}
    steps: dict[str, float] = {}
    for score in scores:
        rows = _usable(derived, analysis, score)
        for visit in _visits(protocol, score):
            name = f"{score} {visit}"
            values = _column(people, rows.filter(pl.col("visit") == visit), "value")
            if not _seen_in_every_arm(people, values):  # nothing to draw from: a visit to come, as a rule
                if not np.isnan(values).all():
                    unused.append(f"{name} was not used: nobody of an arm has it")
                continue
            columns[name] = values
            known = derived.catalogue[score]
            if known.lo is not None and known.hi is not None:
                bounds[name] = (known.lo, known.hi)
            if score in plan.steps:
                steps[name] = plan.steps[score]
    places, binary = _covariate_columns(protocol, analysis, people, columns)
    drawn = _drawn_once(
        derived, np.column_stack(list(columns.values())), list(columns), people["arm"], bounds, steps, binary
    )
    made = {name: drawn.variable(name) for name in columns}
    complete = {(s, v): made[f"{s} {v}"] for s in scores for v in _visits(protocol, s) if f"{s} {v}" in made}
    covariates = {name: _values(people, name, place, made) for name, place in places.items()}
    return CompletedScores(people, complete, covariates, (*unused, *drawn.notes))


def _drawn_once(
    derived: Derived,
    values: Floats,
    names: list[str],
    arms: pl.Series,
    bounds: dict[str, tuple[float, float]],
    steps: dict[str, float],
    binary: list[str],
) -> ChainedImputed:
    """The completed variables; those that another analysis of this run has drawn already are taken from there.

    A draw follows from its arguments and its seed alone, so that what has the same ones has the same draws: analyses
    at other visits, responders by other thresholds, other amounts added to the drawn.
    """
    plan = derived.study.protocol.imputation
    key = (
        values.shape, values.tobytes(), tuple(names), tuple(arms), tuple(bounds.items()), tuple(steps.items()),
        tuple(binary), plan.sets, plan.prior_subjects, plan.seed,
    )  # fmt: skip
    if key not in derived.draws:
        derived.draws[key] = impute_chained(
            values, names=names, arms=arms.to_numpy(), imputations=plan.sets, prior_subjects=plan.prior_subjects,
            bounds=bounds, grid=steps, binary=binary, seed=plan.seed,
        )  # fmt: skip
    return derived.draws[key]


def imputed_outcomes(
    derived: Derived, analysis: Analysis, scores: CompletedScores, visit: str, recorded: pl.DataFrame
) -> Imputed:
    """The outcomes at a visit: as observed, or made from the drawn scores.

    Args:
        derived: the study.
        analysis: the analysis.
        scores: the completed scores.
        visit: the visit.
        recorded: `subject, outcome` at the visit, after intercurrent events.

    Raises:
        UsageError: nobody of an arm was observed at the visit or at baseline.
    """
    protocol = derived.study.protocol
    endpoint = protocol.endpoints[analysis.endpoint]
    drawn = _outcome(derived, endpoint, scores, visit)
    if endpoint.of:
        parts = []
        for name in endpoint.of:
            rows = _after(derived, analysis, derived.endpoints.filter(pl.col("endpoint") == name))
            rows = rows.filter(
                pl.col("visit") == visit
            )  # of all visits: the last one before an event is among them
            parts.append(
                _kept(scores.people, rows, _outcome(derived, protocol.endpoints[name], scores, visit))
            )
        drawn = (np.max if endpoint.kind == "any" else np.min)(np.stack(parts), axis=0)
    observed = _column(scores.people, recorded, "outcome")
    outcomes = np.where(np.isnan(observed), drawn, observed)
    for arm, delta in analysis.delta.items():
        moved = np.isnan(observed) & (scores.people["arm"] == arm).to_numpy()
        outcomes[:, moved] += delta
    return Imputed(scores.people, outcomes, scores.covariates, np.isnan(observed), scores.notes)


def delta_words(analysis: Analysis) -> str:
    """What was added to the outcomes that were drawn, by arm; empty where nothing was."""
    moved = ", ".join(f"{arm} {delta:+g}" for arm, delta in analysis.delta.items() if delta)
    return f"added to the drawn outcomes: {moved}" if moved else ""


def _visits(protocol: Protocol, score: str) -> tuple[str, ...]:
    """The visits at which a score is recorded, baseline first."""
    at = protocol.forms[score.split(".")[0]].at
    return tuple(v for v in protocol.visits if at == "all" or v in at)


def _seen_in_every_arm(people: pl.DataFrame, values: Floats) -> bool:
    seen = people.filter(pl.Series(~np.isnan(values)))
    return set(seen["arm"]) == set(people["arm"])


def _after(derived: Derived, analysis: Analysis, rows: pl.DataFrame) -> pl.DataFrame:
    estimand = derived.study.protocol.estimands.get(analysis.estimand or "")
    events = derived.study.tables.get("events")
    return after_events(derived.study.protocol, estimand, rows, events, derived.subjects)


def _usable(derived: Derived, analysis: Analysis, score: str) -> pl.DataFrame:
    """The score's rows; what was recorded after an event that is no treatment policy is not used in the draws.

    Under `hypothetical` it is what would not have been. Under `non-response` the outcome after the event is decided,
    and whoever's outcome is drawn had no event: theirs do not go like those of the operated, say.
    """
    mine = derived.scores.filter(pl.col("score") == score)
    estimand = derived.study.protocol.estimands.get(analysis.estimand or "")
    other = (e for e, s in (estimand.events if estimand else {}).items() if s != "treatment-policy")
    aside: dict[str, Strategy] = dict.fromkeys(other, "hypothetical")
    events = derived.study.tables.get("events")
    if estimand is None or not aside or events is None:
        return mine
    rows = mine.with_columns(pl.col("value").alias("outcome"), pl.lit(None, dtype=pl.String).alias("missing"))
    only = estimand.model_copy(update={"events": aside})
    kept = after_events(derived.study.protocol, only, rows, events, derived.subjects)
    before = pl.col("visit") == derived.study.protocol.baseline
    return kept.with_columns(pl.when(before).then("value").otherwise("outcome").alias("value"))


def _column(people: pl.DataFrame, rows: pl.DataFrame, column: str) -> Floats:
    """A column by person, NaN where there is none."""
    joined = people.select("subject").join(
        rows.select("subject", pl.col(column).cast(pl.Float64).alias("_value")),
        on="subject", how="left", maintain_order="left",
    )  # fmt: skip
    return joined["_value"].fill_null(np.nan).to_numpy()


def _covariate_columns(
    protocol: Protocol, analysis: Analysis, people: pl.DataFrame, columns: dict[str, Floats]
) -> tuple[dict[str, str | tuple[str, ...]], list[str]]:
    """Adds the covariates to the columns; where each is found there, and which columns are 0 and 1.

    A covariate that is a score at baseline is that score's own column. A category is one column for each of its
    categories but the first; only one of two categories can be drawn where it is missing.
    """
    places: dict[str, str | tuple[str, ...]] = {}
    binary: list[str] = []
    endpoint = protocol.endpoints[analysis.endpoint]
    for name in analysis.covariates:
        declared = protocol.covariates.get(name)
        score = endpoint.score if name == "baseline" else declared.score if declared else None
        if score and f"{score} {protocol.baseline}" in columns:
            places[name] = f"{score} {protocol.baseline}"
            continue
        values = people[name]
        if values.dtype != pl.String:
            columns[name] = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
            places[name] = name
            if set(values.drop_nulls()) == {0, 1}:
                binary.append(name)  # yes or no as a number: its gaps are drawn as 0 or 1, not in between
            continue
        categories = sorted(values.drop_nulls().unique())
        for category in categories[1:]:
            column = f"{name}[{category}]"
            columns[column] = (values == category).cast(pl.Float64).fill_null(np.nan).to_numpy()
            binary.append(column)
        places[name] = tuple(categories)
    return places, binary


def _values(
    people: pl.DataFrame, name: str, place: str | tuple[str, ...], made: Mapping[str, Floats]
) -> NDArray[np.generic]:
    """A covariate's values: as recorded where nobody's is missing."""
    if isinstance(place, str):
        drawn = made[place]
        return drawn[0] if np.array_equal(drawn.min(axis=0), drawn.max(axis=0)) else drawn
    if not people[name].null_count() or len(place) != 2:
        return people[name].to_numpy()
    return np.where(made[f"{name}[{place[1]}]"] == 1, place[1], place[0])


def _outcome(derived: Derived, endpoint: Endpoint, scores: CompletedScores, visit: str) -> Floats:
    """The outcome as the drawn scores have it, shape (sets, people)."""
    if not endpoint.score:
        return np.empty(0)
    protocol = derived.study.protocol
    for at in (visit,) if endpoint.kind in ("value", "state") else (visit, protocol.baseline):
        if (endpoint.score, at) not in scores.values:
            where = f"{endpoint.score} at {protocol.visit_label(at)}"
            raise UsageError(f"nobody of an arm has {where}: there is nothing to draw it from")
    value = scores.values[endpoint.score, visit]
    if endpoint.kind == "value":
        return value
    if endpoint.kind == "state":
        return _reached(endpoint, value)
    baseline = scores.values[endpoint.score, protocol.baseline]
    change = value - baseline
    if endpoint.improvement is None:
        return change if endpoint.kind == "change" else _percent(change, baseline)
    up = bool(derived.catalogue[endpoint.score].higher_is_better)
    amount = float(endpoint.improvement.exact)
    # what lies on a grid is compared as the decimal it stands for: 0.1 + 0.2 is no less than 0.3
    gained = np.round(change if up else -change, 9)
    needed = np.round(amount * np.abs(baseline) if endpoint.improvement.percent else amount, 9)
    response = gained > needed if endpoint.improvement.strict else gained >= needed
    if endpoint.improvement.percent:
        response &= baseline != 0
    return response.astype(np.float64)


def _reached(endpoint: Endpoint, value: Floats) -> Floats:
    """1 where a drawn value is on the declared side of the limit, the limit itself included."""
    low = -np.inf if endpoint.at_least is None else endpoint.at_least
    high = np.inf if endpoint.at_most is None else endpoint.at_most
    at = np.round(value, 9)
    return ((at >= round(low, 9)) & (at <= round(high, 9))).astype(np.float64)


def _percent(change: Floats, baseline: Floats) -> Floats:
    """A change in per cent of its baseline; those whose observed baseline is 0 are left out before."""
    nothing = (baseline == 0).any(axis=1)
    if nothing.any():
        sets = f"{nothing.sum()} of {len(nothing)} imputed data sets"
        raise UsageError(
            f"a baseline was drawn as 0 in {sets}: nothing is a per cent of it; compare the change"
        )
    return 100 * change / np.abs(baseline)


def _kept(people: pl.DataFrame, rows: pl.DataFrame, drawn: Floats) -> Floats:
    """One component: as observed where it was."""
    observed = _column(people, rows, "outcome")
    return np.where(np.isnan(observed), drawn, observed)
