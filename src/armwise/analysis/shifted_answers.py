"""Missing answers of a measured outcome, imputed as the analysis imputes them and shifted: a grid, and tipping points.

An analysis that imputes is repeated on its own draws: the cell without a shift is its own estimate. A model of all
visits imputes nothing; its grid is that of multiple imputation on that model, analysed by analysis of covariance with
the same covariates, which agrees with it within Monte-Carlo error. A shift is added to every outcome that was imputed
at the visit, in each arm its own, on top of a `delta` that the analysis declares. Weights and models of weights do not
depend on outcomes, and are those of the analysis in every cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.adjusted import arm_means
from armwise.analysis.comparison import Comparison, comparisons
from armwise.analysis.imputation import Imputed
from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.errors import UsageError
from armwise.protocol.model import Analysis
from armwise.protocol.plan import DRAWN
from armwise.stats import (
    ArmMeans,
    Estimate,
    ShiftedSets,
    delta_grid,
    sets_under_shifts,
    shifted_regressions,
    tipping_shift,
)
from armwise.stats.estimate import MEAN_DIFFERENCE
from armwise.stats.imputation.imputed_outcomes import DrawnOutcomes
from armwise.stats.sensitivity.imputed_shifts import METHOD

Floats = NDArray[np.float64]
#: The smallest shift at which the interval includes no difference, and how far it is looked for.
TIPPING: Final = "tipping point"
LARGEST: Final = "largest shift"
#: The category of the difference with the means of the missing at the ends of the scale that are against it.
ENDS: Final = "ends of the scale"
#: What is shifted -> the sign of each arm's shift, for a difference above 0: against it.
DIRECTIONS: Final = {"arm": (-1.0, 0.0), "versus": (0.0, 1.0), "both": (-1.0, 1.0)}
TO_THE_END: Final = "until the mean of the missing is at the end of the scale"
ADDED, TAKEN_OFF = "added", "taken off"
WITHOUT: Final = "the interval includes no difference without a shift"
#: Without a scale that ends, how many times the largest declared shift it is looked for.
TIMES: Final = 10.0


@dataclass(frozen=True)
class Gaps:
    """The missing outcomes of one arm.

    Attributes:
        missing: how many.
        down, up: how far they can be shifted until their mean reaches an end of the scale; infinite without one.
    """

    missing: int
    down: float = math.inf
    up: float = math.inf

    def room(self, sign: float) -> float:
        """How far in a direction; as far as anything where it is not shifted."""
        return math.inf if not sign else self.up if sign > 0 else self.down


def imputes(analysis: Analysis) -> bool:
    """Whether missing outcomes are imputed under a model, or come from one of all visits."""
    return analysis.missing in DRAWN or analysis.method == "mmrm"


def shifted_answers(
    derived: Derived,
    name: str,
    analysis: Analysis,
    visit: str,
    deltas: Sequence[float],
    about: Mapping[str, Any],
) -> Iterator[Row]:
    """The grid and the tipping points of an analysis that imputes, or that is a model of all visits.

    Args:
        derived: the study, derived.
        name, analysis: as declared.
        visit: at which arms are compared.
        deltas: shifts, in the unit of the endpoint.
        about: the columns that every row has.
    """
    here: dict[str, Any] = {"at": (visit,), "tested_at": None, "one_effect": (), "subgroups": ()}
    if analysis.method == "mmrm":
        here |= {"method": "ancova", "missing": "impute", "variance": None}
    c = next(comparisons(derived, name, analysis.model_copy(update=here)))
    for arm in c.arms:
        between = {k: c.between(arm)[k] for k in ("arm", "versus", "unit", "target")}
        try:
            at, people, imputed, missing, sets = _by_shifts(c, arm)
        except UsageError as error:
            yield from no_grid({**about, **between}, METHOD, str(error))
            continue
        drawn = f"{sets} data sets" if sets > 1 else "conditional means"
        said = (
            f"{drawn} of the model of all visits" if analysis.method == "mmrm" else f"{drawn} of the analysis"
        )
        sides = [
            gaps_of(derived, c, people, np.where(missing & (people["arm"] == a).to_numpy(), imputed, np.nan))
            for a in (arm, c.reference)
        ]
        yield from grid_rows(at, deltas, (sides[0], sides[1]), METHOD, {**about, **between}, said)


def _by_shifts(c: Comparison, arm: str) -> tuple[ShiftedSets, pl.DataFrame, Floats, NDArray[np.bool_], int]:
    """The estimate by shifts; who is compared, their imputed outcomes (means of all sets), who was imputed; sets."""
    if c.undrawn:
        raise UsageError(c.undrawn)
    if c.imputed is not None:
        drawn = c.imputed
        return _weighted(c, drawn), drawn.people, drawn.outcomes.mean(axis=0), drawn.missing, drawn.sets
    made = c.modelled
    if made is None or made.found is None:
        raise UsageError(made.why if made is not None else "missing outcomes are not imputed")
    found = made.found
    values = found.values if isinstance(found, DrawnOutcomes) else found.values[None]
    at = shifted_regressions(found, c.visit, arm, c.analysis.conf_level)
    j = found.trial.visit(c.visit)
    return at, made.people, values[:, :, j].mean(axis=0), made.missing[c.visit], len(values)


def _weighted(c: Comparison, drawn: Imputed) -> ShiftedSets:
    """The weighted difference by shifts: the weights of each completed set are fitted once."""
    treated, target = c.treated, c.about["target"]
    moved = np.stack([drawn.missing & treated, drawn.missing & ~treated]).astype(np.float64)
    first: list[ArmMeans] = []

    def in_sets(shifts: Floats) -> tuple[Floats, Floats]:
        k, m = len(shifts), drawn.sets
        adds = shifts @ moved
        if drawn.covariates_differ:
            by_set = [
                arm_means(
                    c.analysis, drawn.outcomes[i] + adds, treated, drawn.covariates_of(i), target, "mean"
                )
                for i in range(m)
            ]
            found = [by_set[i][j] for j in range(k) for i in range(m)]
        else:  # a pair at a time: no more memory than the analysis itself
            by_pair = [
                arm_means(c.analysis, drawn.outcomes + add, treated, c.model, target, "mean") for add in adds
            ]
            found = [means for pair in by_pair for means in pair]
        refused = [f.refusal for f in found[:m] if f.refusal]
        if refused:
            raise UsageError(f"{refused[0]} ({len(refused)} of {m} imputed data sets)")
        first.extend(found[:m])
        values = np.array([(f.difference, f.variance) for f in found]).reshape(k, m, 2)
        return values[..., 0], values[..., 1]

    step = float(drawn.outcomes.std()) or 1.0
    at = sets_under_shifts(in_sets, step, None, c.analysis.conf_level, c.size(c.arms[0]), c.size(c.reference))
    df = min(math.inf if f.df is None else f.df for f in first)
    return ShiftedSets(
        at.planes, at.forms, df if math.isfinite(df) else None, at.conf_level, at.n_arm, at.n_versus
    )


def gaps_of(derived: Derived, c: Comparison, people: pl.DataFrame, imputed: Floats) -> Gaps:
    """How many outcomes of an arm are missing, and how far their mean is from the ends of the scale.

    Args:
        derived, c: the study and the comparison.
        people: `subject`, of everyone who is compared.
        imputed: the outcome that stands for a missing one, NaN for everybody else, shape (people,).
    """
    gap = ~np.isnan(imputed)
    missing = int(gap.sum())
    endpoint = c.protocol.endpoints[c.analysis.endpoint]
    known = derived.catalogue.get(endpoint.score or "")
    if not missing or known is None or known.lo is None or known.hi is None:
        return Gaps(missing)
    if endpoint.kind not in ("value", "change"):
        return Gaps(missing)
    score = imputed[gap]
    if endpoint.kind == "change":
        here = (pl.col("endpoint") == c.analysis.endpoint) & (pl.col("visit") == c.visit)
        before = people.select("subject").join(
            derived.endpoints.filter(here).select("subject", "baseline"),
            on="subject", how="left", maintain_order="left",
        )["baseline"].cast(pl.Float64).fill_null(np.nan).to_numpy()[gap]  # fmt: skip
        score = (score + before)[~np.isnan(before)]
        if not len(score):
            return Gaps(missing, known.hi - known.lo, known.hi - known.lo)
    mean = float(score.mean())
    return Gaps(missing, max(0.0, mean - known.lo), max(0.0, known.hi - mean))


def grid_rows(
    at: Callable[[float, float], Estimate],
    deltas: Sequence[float],
    gaps: tuple[Gaps, Gaps],
    method: str,
    about: Mapping[str, Any],
    said: str = "",
) -> Iterator[Row]:
    """A row a pair of shifts (`at` of the arm, `at2` of the other), their count, and the tipping points.

    Args:
        at: the estimate by the shift of the arm and of the other.
        deltas: those of the grid.
        gaps: the missing outcomes of the arm and of the other.
        method, about: of the rows.
        said: what the imputed outcomes are.
    """
    grid = delta_grid(at, deltas, deltas)
    refused = next((f.reason for line in grid.estimates for f in line if f.status != "ok"), "")
    if refused:
        yield from no_grid(about, method, refused)
        return
    for a, line in zip(grid.deltas_arm, grid.estimates, strict=True):
        for v, found in zip(grid.deltas_versus, line, strict=True):
            yield estimate_row(found, **{**about, "at": a, "at2": v, "method": method})
    alike = math.prod(len(deltas) for gap in gaps if not gap.missing)  # shifts of nobody are one combination
    yield row(
        "combinations overturned", len(grid.overturned) // alike, **{**about, "unit": "combinations"}, method=method,
        n=len(deltas) ** 2 // alike, reason=said,
    )  # fmt: skip
    yield from _tipping_points(at, gaps, TIMES * max(map(abs, deltas)), {**about, "method": method})


def no_grid(about: Mapping[str, Any], method: str, reason: str) -> Iterator[Row]:
    """The count of a grid that there is not, and the tipping points, with the reason."""
    why = {"status": "not estimable", "reason": reason, "method": method}
    yield row("combinations overturned", None, **{**about, "unit": "combinations", **why})
    yield row(MEAN_DIFFERENCE, None, **{**about, "category": ENDS, **why})
    for category in DIRECTIONS:
        for statistic in (LARGEST, TIPPING):
            yield row(statistic, None, **{**about, "category": category, **why})


def _tipping_points(
    at: Callable[[float, float], Estimate],
    gaps: tuple[Gaps, Gaps],
    without_scale: float,
    about: Mapping[str, Any],
) -> Iterator[Row]:
    """Of one arm, of the other, of both by as much: the smallest shift against the difference that overturns it.

    Shifts are sizes; `reason` says whether they are added to the missing outcomes or taken off them. Where the mean of
    the missing of one arm is at the end of the scale already, the other's is moved on alone.
    """
    now = at(0.0, 0.0)
    sign = -1.0 if (now.estimate or 0.0) < 0 else 1.0
    yield _at_the_ends(at, gaps, sign, about)
    for category, signs in DIRECTIONS.items():
        direction = (signs[0] * sign, signs[1] * sign)
        shifted = {d: g for g, d in zip(gaps, direction, strict=True) if d}
        here = {**about, "category": category, "n": sum(g.missing for g in shifted.values())}
        if not all(g.missing for g in shifted.values()):
            only = "no answer is missing in one of the arms"
            reason = only if category == "both" else "no answer is missing"
            for statistic in (LARGEST, TIPPING):
                yield row(statistic, None, **here, status="not estimable", reason=reason)
            continue
        room, reason = max(g.room(d) for d, g in shifted.items()), TO_THE_END
        if not math.isfinite(room):
            room, reason = without_scale, "ten times the largest of the grid"
        yield row(LARGEST, room, **here, reason=reason)
        found = tipping_shift(_within(at, gaps, direction), direction, room)
        here["conf_level"] = now.conf_level
        if found is None:
            yield row(TIPPING, None, **here, status="not estimable", reason="no shift as large as that")
            continue
        reason = " in the arm, ".join(ADDED if d > 0 else TAKEN_OFF for d in shifted)
        reason += " in the other" if category == "both" else ""
        yield row(TIPPING, found, **here, reason=reason if found else WITHOUT)


def _within(
    at: Callable[[float, float], Estimate], gaps: tuple[Gaps, Gaps], direction: tuple[float, float]
) -> Callable[[float, float], Estimate]:
    """The estimate by shifts of which each goes no further than its arm's end of the scale."""
    rooms = [g.room(d) for g, d in zip(gaps, direction, strict=True)]

    def within(delta_arm: float, delta_versus: float) -> Estimate:
        a, v = (max(-r, min(r, d)) for r, d in zip(rooms, (delta_arm, delta_versus), strict=True))
        return at(a, v)

    return within


def _at_the_ends(
    at: Callable[[float, float], Estimate], gaps: tuple[Gaps, Gaps], sign: float, about: Mapping[str, Any]
) -> Row:
    """The difference with the mean of the missing of each arm at the end of the scale that is against it."""
    against = [d * sign for d in DIRECTIONS["both"]]
    corner = [d * g.room(d) if g.missing else 0.0 for g, d in zip(gaps, against, strict=True)]
    here = {**about, "category": ENDS}
    if all(map(math.isfinite, corner)):
        return estimate_row(at(*corner), **{**here, "reason": TO_THE_END})
    why = "the endpoint has no scale with two ends"
    return row(MEAN_DIFFERENCE, None, **here, status="not estimable", reason=why)
