"""The patients behind a model for repeated measures, one row each with all their visits, and the model's fit.

The model uses every visit after baseline at which the endpoint is measured, whichever of them are compared. A fit that
does not exist names the fault in the data first; then the protocol's fallback is fitted, and every row says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.derive.covariates import labels
from armwise.errors import FitError, Problem, UsageError
from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import Covariance
from armwise.stats.covariates import Covariate, covariate
from armwise.study.tables import FILE, LINE

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm

Floats = NDArray[np.float64]

#: Degrees of freedom of the protocol -> what people call them.
DEGREES_OF_FREEDOM: Mapping[str, str] = {
    "kenward-roger": "Kenward-Roger",
    "kenward-roger-log-cholesky": "Kenward-Roger (log-Cholesky)",
    "satterthwaite": "Satterthwaite",
    "between-within": "between-within df",
    "residual": "residual df",
}
#: What a fit that does not exist is called.
FAILED: Mapping[str, str] = {
    "singular": "is singular",
    "not identified": "is not identified",
    "not converged": "did not converge",
}
#: How the note of a fit by the fallback ends.
INSTEAD = "is fitted instead"
#: What the engine says of visits at which the columns leave no residual.
EXACTLY = "fit every outcome exactly"
#: Below so many patients a visit a sound study may be too small for its covariance.
FEW = 15
#: From so many patients on, the same outcome at two visits for all of them is no chance.
SOME = 5
#: Below so many degrees of freedom an interval says nothing.
LEAST_DF = 1.0
#: How the reason of such an interval begins.
TOO_FEW = "too few patients"
QUESTION = "was a visit entered twice, or is one score a function of another?"


def covariance_words(name: str) -> str:
    """What people call a covariance of the protocol."""
    from armwise.stats.repeated.covariance import structure

    return structure(name).label


def method_words(analysis: Analysis) -> str:
    """The method of the rows: what was planned, never what the data made of it."""
    df = DEGREES_OF_FREEDOM[analysis.degrees_of_freedom]
    models = ", one model an arm" if analysis.models == "per-arm" else ""
    return f"MMRM, {covariance_words(analysis.covariance)}{models}, {df}"


def fitted_covariance(analysis: Analysis, note: str) -> Covariance:
    """The covariance that was fitted, of the analysis and the note of its fit (the `reason` of its rows)."""
    second = analysis.second_covariance
    return second if second is not None and INSTEAD in note else analysis.covariance


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit, or why there is none.

    Attributes:
        model: the fit; None where neither the covariance nor its fallback has one.
        note: what to know of it: the fault in the data and the fallback, columns left out; or why there is none.
        covariance: the structure that was fitted.
        terms: the covariates as columns.
    """

    model: Mmrm | None
    note: str
    covariance: str
    terms: tuple[Covariate, ...] = ()


@dataclass(frozen=True, eq=False)
class Repeated:
    """The patients of one model, with their outcomes at every visit.

    Attributes:
        analysis, protocol: what is asked for.
        visits: the visits of the model.
        people: `subject, arm` and the covariates of everyone in the model: an outcome at one visit at least.
        outcomes: shape (people, visits), NaN where there is none.
        left_out: `visit, excluded, _file, _row` of the records (or patients) that the model does not use.
    """

    analysis: Analysis
    protocol: Protocol
    visits: tuple[str, ...]
    people: pl.DataFrame
    outcomes: Floats
    left_out: pl.DataFrame

    def within(self, condition: pl.Expr) -> Repeated:
        """The same model among some of the patients."""
        inside = self.people.select(condition.fill_null(False).alias("_in"))["_in"].to_numpy()
        return replace(self, people=self.people.filter(pl.Series(inside)), outcomes=self.outcomes[inside])

    def of_arm(self, arm: str) -> NDArray[np.bool_]:
        """Which of the patients are in an arm."""
        return np.asarray((self.people["arm"] == arm).to_numpy(), dtype=np.bool_)

    def observed(self, arm: str, visit: str) -> int:
        """How many patients of an arm were observed at a visit."""
        if visit not in self.visits:
            return 0
        return int(np.count_nonzero(~np.isnan(self.outcomes[self.of_arm(arm), self.visits.index(visit)])))

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """The visits at which anybody was observed: the others have nothing to be estimated from."""
        return tuple(v for j, v in enumerate(self.visits) if not np.isnan(self.outcomes[:, j]).all())

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms that are compared with the reference and have anybody in the model."""
        there = set(self.people["arm"])
        if len(there) < 2:
            return ()
        return tuple(a for a in self.protocol.arms if a != self.protocol.reference and a in there)

    @cached_property
    def by_arm(self) -> dict[str, Repeated]:
        """Each arm's patients alone: where arms have models of their own, the patients of each of these."""
        return {arm: self.within(pl.col("arm") == arm) for arm in self.protocol.arms}

    @cached_property
    def columns(self) -> tuple[tuple[str, ...], Floats]:
        """The covariates as columns, and their values for everyone: shape (people, columns)."""
        terms = [covariate(name, self.people[name].to_numpy()) for name in self.analysis.covariates]
        names = tuple(column for term in terms for column in term.columns)
        return names, np.hstack([np.empty((self.people.height, 0)), *(term.X for term in terms)])

    @cached_property
    def fit(self) -> Fitted:
        """The model, fitted by the declared covariance or, where that has no fit, by the fallback."""
        declared, second = self.analysis.covariance, self.analysis.second_covariance
        if not self.people.height:
            return Fitted(None, "nobody is analysed", declared)
        terms = tuple(covariate(name, self.people[name].to_numpy()) for name in self.analysis.covariates)
        try:
            model = self._fitted(declared, terms)
            return Fitted(model, combined(self._twice(), self._unused(model)), declared, terms)
        except UsageError as error:
            return Fitted(None, str(error), declared)
        except FitError as error:
            why = f"{self._fault(error)} The {covariance_words(declared)} covariance {FAILED[error.kind]}"
        if second is None:
            return Fitted(None, f"{why}, and no other was to be fitted", declared)
        try:
            model = self._fitted(second, terms)
        except UsageError as error:
            return Fitted(None, f"{why}; {covariance_words(second)} instead: {error}", second)
        except FitError as error:
            return Fitted(None, f"{why}; the {covariance_words(second)} one {FAILED[error.kind]} too", second)
        note = f"{why}; the {covariance_words(second)} one {INSTEAD}"
        return Fitted(model, combined(note, self._unused(model)), second, terms)

    def _fitted(self, covariance: str, terms: tuple[Covariate, ...]) -> Mmrm:
        from armwise.stats.repeated.fitting import mmrm_wide

        crossed = {f"arm[{arm}]": self.of_arm(arm).astype(np.float64) for arm in self.arms}
        overall: dict[str, Floats] = {}
        for term in terms:
            into = overall if term.name in self.analysis.one_effect else crossed
            into.update({name: term.X[:, j] for j, name in enumerate(term.columns)})
        days = [float(self.protocol.visits[v].day) for v in self.seen]
        model = mmrm_wide(
            self.outcomes[:, [self.visits.index(v) for v in self.seen]], crossed, overall, visits=self.seen,
            covariance=covariance, df=self.analysis.degrees_of_freedom,
            times=days if covariance == "spatial-exponential" else None,
        )  # fmt: skip
        if self.analysis.degrees_of_freedom not in ("residual", "between-within"):
            model.inference  # noqa: B018 (a covariance whose information is not known has no degrees of freedom)
        return model

    def row(self, visit: str, arm: str, at: Mapping[str, float] | None = None) -> Floats:
        """The row of the model matrix of an arm's LS mean at a visit: covariates at their means over analysed rows.

        Args:
            visit, arm: whose mean.
            at: column of a covariate -> other values than these means.

        Raises:
            UsageError: the model has no such visit.
        """
        model, weights = self.fit.model, self.analysis.ls_means
        if model is None or visit not in self.seen:
            raise UsageError(f"nobody is observed at {visit}")
        means = dict(zip(model.design.covariates, model.covariate_means, strict=True))
        values = {f"arm[{a}]": float(a == arm) for a in self.arms}
        for term in self.fit.terms:
            equal = bool(term.levels) and weights == "equal"
            values.update({c: 1 / len(term.levels) if equal else float(means[c]) for c in term.columns})
        values.update({c: v for c, v in (at or {}).items() if c in values})
        row: Floats = model.design.row(visit, values)
        return row

    @property
    def weights(self) -> str:
        """How LS means average over covariates, in words."""
        numbers = [t.name for t in self.fit.terms if not t.levels]
        categories = [t.name for t in self.fit.terms if t.levels]
        how = "weighted equally" if self.analysis.ls_means == "equal" else "weighted as often as observed"
        parts = [
            f"{', '.join(numbers)} at the mean over all observed visits" if numbers else "",
            f"every category of {', '.join(categories)} {how}" if categories else "",
        ]
        return "; ".join(filter(None, parts))

    def _fault(self, error: FitError) -> str:
        """What in the data a fit failed on, as a sentence: what to look at before anything else."""
        if twice := self._twice():
            return twice
        at = _joined([self._label(name) for name in error.names if name in self.visits])
        if EXACTLY in str(error):
            return (
                f"Arm and covariates alone would fit every outcome at {at}: the outcomes there are equal, or follow"
                " from the covariates, or are no more than the coefficients."
            )
        if error.kind != "singular" or len([v for v in error.names if v in self.visits]) < 2:
            names = "|".join(map(re.escape, self.visits))
            said = re.sub(rf"\b({names})\b", lambda m: self._label(m[1]), str(error))
            return f"{said[:1].upper()}{said[1:].rstrip('.')}."
        few = self.people.height < FEW * len(self.seen)
        also = " Or are there too few patients for it?" if few else ""
        return f"Given the covariates, the outcomes at {at} are functions of each other: {QUESTION}{also}"

    def _twice(self) -> str:
        """That visits look as if one had been entered as another, if they do."""
        where = ", and those at ".join(
            _joined([self._label(v) for v in pair]) for pair in self.entered_twice()
        )
        return (
            f"The outcomes at {where} are the same for every patient seen at both: {QUESTION}"
            if where
            else ""
        )

    def entered_twice(self) -> Iterator[tuple[str, str]]:
        """Pairs of visits whose outcomes are the same for everybody who was seen at both."""
        for i, j in combinations(range(len(self.visits)), 2):
            both = ~np.isnan(self.outcomes[:, i]) & ~np.isnan(self.outcomes[:, j])
            if both.sum() >= SOME and np.array_equal(self.outcomes[both, i], self.outcomes[both, j]):
                yield self.visits[i], self.visits[j]

    @property
    def problems(self) -> Iterator[Problem]:
        """What is odd in the data of the model, for the list of the study's problems."""
        score = self.protocol.endpoints[self.analysis.endpoint].score or ""
        for first, second in self.entered_twice():
            what = f"the score is the same at {first} and {second} for everybody who was seen at both"
            todo = "compare both with their source: was a visit entered twice?"
            yield Problem("warning", f"data/{score.partition('.')[0]}.csv", None, score, what, todo)

    def _unused(self, model: Mmrm) -> str:
        """The columns that others determine, by what people call them; not those of an arm that nobody saw."""
        places: dict[str, list[str]] = {}
        for column in model.aliased:
            visit = next((v for v in self.seen if column.endswith(f":{v}")), "")
            name = column.removesuffix(f":{visit}") if visit else column
            arm = next((a for a in self.arms if name == f"arm[{a}]"), None)
            if arm is None or (self.observed(arm, visit) and self.observed(self.protocol.reference, visit)):
                places.setdefault(name, []).append(visit)
        if not places:
            return ""
        said = []
        for name, visits in places.items():
            everywhere = "" in visits or len(visits) == len(self.seen)
            said.append(
                self._named(name) + ("" if everywhere else f" at {_joined([*map(self._label, visits)])}")
            )
        it = "it" if len(said) == 1 else "them"
        return f"Not used, as others determine {it}: {', '.join(said)}"

    def _named(self, column: str) -> str:
        """What people call a column: `centre[b]` -> `Centre b`, `arm[low]` -> `Low dose`."""
        name, _, category = column.removesuffix("]").partition("[")
        if name == "arm" and category in self.protocol.arms:
            return self.protocol.arms[category].label
        if name not in self.protocol.covariates:
            return "the outcome at baseline" if name == "baseline" else column
        label, _, categories = labels(self.protocol, name)
        return f"{label} {categories.get(category, category)}".rstrip()

    def _label(self, visit: str) -> str:
        return self.protocol.visit_label(visit)


def combined(*parts: str) -> str:
    """Notes as one: a question ends itself."""
    made = ""
    for part in filter(None, parts):
        made += f"{'' if not made else ' ' if made.endswith('?') else '; '}{part}"
    return made


def _joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def all_visits(
    protocol: Protocol, analysis: Analysis, everyone: pl.DataFrame, rows: pl.DataFrame, subjects: pl.DataFrame
) -> tuple[Repeated, pl.DataFrame]:
    """The patients of a model for repeated measures, and why the others are not in it.

    Args:
        protocol, analysis: what is asked for.
        everyone: `subject, arm, left_out` and the covariates of everyone enrolled.
        rows: the endpoint's rows, after intercurrent events.
        subjects: `subject, _file, _row` of everyone enrolled.

    Returns:
        The patients in the model, and `subject, excluded`: the first of not in the set, no outcome at any visit (with
        the reason, where it is one), no covariate; null for those in the model.
    """
    visits = protocol.measured_visits(analysis.endpoint)
    rows = rows.filter(pl.col("visit").is_in(visits))
    whys = rows.group_by("subject", maintain_order=True).agg(
        pl.col("outcome").is_not_null().any().alias("_seen"),
        pl.col("missing").unique().alias("_whys"),
        pl.col("baseline").first(),
    )
    people = everyone.join(whys, on="subject", how="left", maintain_order="left")
    one = pl.col("_whys").list.first()
    unseen = pl.concat_str(
        pl.lit("no outcome at any visit: "),
        pl.when(pl.col("_whys").list.len() > 1)
        .then(pl.lit("several reasons"))
        .otherwise(one)
        .fill_null("not recorded"),
    )
    people = people.with_columns(
        pl.coalesce(
            "left_out",
            pl.when(~pl.col("_seen").fill_null(False)).then(unseen),
            *(
                pl.when(pl.col(c).is_null()).then(pl.lit(f"covariate missing: {c}"))
                for c in analysis.covariates
            ),
        ).alias("excluded")
    )
    kept = people.filter(pl.col("excluded").is_null()).drop("left_out", "_seen", "_whys", "excluded")
    outcomes = np.full((kept.height, len(visits)), np.nan)
    for j, visit in enumerate(visits):
        here = rows.filter(pl.col("visit") == visit).select("subject", "outcome")
        joined = kept.select("subject").join(here, on="subject", how="left", maintain_order="left")
        outcomes[:, j] = joined["outcome"].cast(pl.Float64).to_numpy()
    excluded = people.select("subject", "excluded")
    left_out = _left_out(rows, excluded, subjects)
    return Repeated(analysis, protocol, visits, kept, outcomes, left_out), excluded


def _left_out(rows: pl.DataFrame, excluded: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    """The records of those who are not in the model (or their own row), and those set aside of those who are."""
    columns = ("visit", "excluded", FILE, LINE)
    records = rows.join(excluded, on="subject", how="inner", maintain_order="left").filter(
        pl.col(LINE).is_not_null()
    )
    aside = pl.when(pl.col("outcome").is_null()).then(
        pl.concat_str(pl.lit("outcome missing: "), pl.col("missing").fill_null("not recorded"))
    )
    records = records.with_columns(pl.coalesce("excluded", aside).alias("excluded"))
    gone = excluded.filter(pl.col("excluded").is_not_null()).join(
        records.select("subject"), on="subject", how="anti", maintain_order="left"
    )
    own = gone.join(subjects.select("subject", FILE, LINE), on="subject", how="left", maintain_order="left")
    own = own.with_columns(pl.lit(None, dtype=pl.String).alias("visit"))
    return pl.concat([records.filter(pl.col("excluded").is_not_null()).select(columns), own.select(columns)])
