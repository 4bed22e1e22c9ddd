"""`mmrm`: the mixed model for repeated measures by a formula and a long table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from armwise.errors import UsageError
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.formula.factors import pandas_frame
from armwise.stats.repeated.formula.grid import Grid, factors_of
from armwise.stats.repeated.formula.labels import NUMBER, Coded, shown, text
from armwise.stats.repeated.formula.long_table import LongTable, NaAction, read_long
from armwise.stats.repeated.formula.parse import Parsed, parse
from armwise.stats.repeated.formula.structured import outcome_values, structured_form
from armwise.stats.repeated.wide import Wide

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame

    from armwise.stats.repeated.fitted import DfMethod, Mmrm, VcovMethod


def mmrm(
    formula: str,
    data: IntoDataFrame,
    *,
    subject: str,
    visit: str,
    visits: Sequence[Any] | None = None,
    covariance: str = "unstructured",
    group: str | None = None,
    weights: str | None = None,
    times: Mapping[Any, float] | Sequence[float] | None = None,
    reference: Mapping[str, Any] | None = None,
    reml: bool = True,
    df: DfMethod = "kenward-roger",
    vcov: VcovMethod = "model",
    na_action: NaAction = "drop",
) -> Mmrm:
    """Fit a mixed model for repeated measures: correlated visits, means by the formula, missing visits at random.

    Args:
        formula: outcome ~ terms, as in R: `odi ~ arm * visit + baseline * visit + age`. Read by formulaic: `*`, `:`,
            `/`, `^`, `C(arm, contr.sum)`, `bs(age, df=4)`, `poly(age, 2)`, `log(age)`, `sqrt(age)`, `I(age**2)` (a
            power inside a function is `**`), numpy's functions as `np.sin(age)`. Text, booleans, Categoricals and
            Enums are factors, coded by treatment contrasts with their first level as the reference; levels that no
            analysed row has are left out. Transforms such as `center` and `bs` see the analysed rows only.
        data: pandas or Polars frame, long: one row a subject and visit.
        subject: column of subjects.
        visit: column of visits, a factor even if it is a number. (Days since baseline would be another column.)
        visits: the visits in their order. Default: the order of a pandas Categorical or a Polars Enum (a Polars
            Categorical has none); numbers by size; text by its words and the numbers in it (m1, m3, m12; -3, 0, 6).
        covariance: structure of the covariance of a subject's outcomes; see `mmrm_wide`.
        group: column of groups that have a covariance each.
        weights: column of precision weights.
        times: times of the visits for a spatial covariance: visit -> time, or in the order of the visits. Default:
            the visits themselves when they are numbers.
        reference: factor -> the level that treatment contrasts compare with, such as `{"arm": "control"}`.
        reml: restricted maximum likelihood; False: maximum likelihood.
        df: method of degrees of freedom; see `mmrm_wide`.
        vcov: covariance of the coefficients; see `mmrm_wide`.
        na_action: "drop" leaves out rows with a missing outcome or covariate and counts them
            (`fit.dropped`); "raise" does not accept them.

    Returns:
        The fit: coefficients, covariance, likelihood; `lsmeans(fit, "arm", by="visit")` and `contrasts(fit, L)` ask it.

    Raises:
        UsageError: the formula or the table cannot be used; the message says where and what to do.
        FitError: the model has no fit to these data.

    Example:
        >>> import polars as pl
        >>> from armwise.stats import lsmeans, mmrm
        >>> data = pl.DataFrame({
        ...     "subject": ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f"],
        ...     "arm": ["new"] * 6 + ["old"] * 6,
        ...     "visit": ["m1", "m3"] * 6,
        ...     "odi": [30.0, 22, 34, 25, 28, None, 40, 38, 33, 36, 37, 33],
        ... })
        >>> fit = mmrm("odi ~ arm * visit", data, subject="subject", visit="visit", reference={"arm": "old"})
        >>> fit.dropped
        {'odi': 1}
        >>> found = lsmeans(fit, "arm | visit").pairs(reference="old").row(visit="m3")
        >>> found["contrast"], round(found["estimate"], 2), round(found["df"], 2)
        ('new - old', -12.64, 3.25)
    """
    from armwise.stats.repeated.covariance import structure as covariance_structure
    from armwise.stats.repeated.fitting import fit_wide

    if not isinstance(covariance, str):
        raise UsageError(f'covariance is {covariance!r}; expected the name of a structure, as "unstructured"')
    chosen = covariance_structure(covariance)
    wide, design = from_formula(
        formula, data, subject=subject, visit=visit, visits=visits, group=group, weights=weights,
        reference=reference, na_action=na_action, ordered=chosen.depends_on is not None,
    )  # fmt: skip
    at = visit_times(times, design.visits) if chosen.depends_on == "times" or times is not None else None
    return fit_wide(wide, design, covariance=covariance, times=at, reml=reml, df=df, vcov=vcov)


def from_formula(
    formula: str,
    data: IntoDataFrame,
    *,
    subject: str,
    visit: str,
    visits: Sequence[Any] | None = None,
    group: str | None = None,
    weights: str | None = None,
    reference: Mapping[str, Any] | None = None,
    na_action: NaAction = "drop",
    ordered: bool = False,
) -> tuple[Wide, Design]:
    """The data and the design of `mmrm`, without the fit: for `cross_products`, and for many fits of one design.

    Args:
        formula, data, subject, visit, visits, group, weights, reference, na_action: as in `mmrm`.
        ordered: whether the order of the visits matters, so that one must be known.

    Returns:
        One row a subject (`wide.dropped` counts the rows left out), and the columns of the model matrix.
        `design.grid` makes rows for LS means.
    """
    parsed = parse(formula)
    needed = [*parsed.outcome_variables, *parsed.variables]
    _roles(parsed, subject)
    table = read_long(
        data,
        needed,
        subject=subject,
        visit=visit,
        visits=visits,
        group=group,
        weights=weights,
        na_action=na_action,
    )
    if ordered and visits is None:
        _order_is_known(table, visit)
    y = outcome_values(parsed, table)
    table = _with_reference(table, parsed, reference or {})
    u, design, spec = structured_form(parsed, table, visit)
    rows = pandas_frame(table)[list(parsed.variables)]
    grid = Grid(
        formula=formula,
        spec=spec,
        visit=visit,
        visits=table.visits,
        rows=rows,
        first=table.first,
        factors=factors_of(spec, rows, parsed.needs),
    )
    wide = Wide(
        visits=table.visits,
        covariates=design.covariates,
        y=table.scatter(y, fill=float("nan")),
        u=u,
        group=table.group.codes[table.first] if table.group is not None else None,
        groups=tuple(text(level) for level in table.group.levels) if table.group is not None else ("",),
        weights=table.scatter(table.weights, fill=1.0) if table.weights is not None else None,
        subjects=table.subjects,
        dropped=dict(table.dropped),
    )
    return wide, replace(design, grid=grid)


def visit_times(times: Mapping[Any, float] | Sequence[float] | None, visits: Sequence[str]) -> list[float]:
    """Times of the visits in their order; without them, visits that are numbers are their own times.

    Raises:
        UsageError: a visit without a time, or another number of times than visits; no times of visits that are text.
    """
    if times is None:
        try:
            return [float(visit) for visit in visits]
        except ValueError:
            raise UsageError(
                f"visits {shown(visits)} are not numbers, so that the time between them is not known; give times=..."
            ) from None
    if isinstance(times, Mapping):
        given = {text(visit): _time(time) for visit, time in times.items()}
        if missing := [visit for visit in visits if visit not in given]:
            raise UsageError(
                f"times has none for visit {shown(missing)}; expected one for each of the visits"
            )
        return [given[visit] for visit in visits]
    if np.ndim(times) != 1:
        raise UsageError(
            f"times is {times!r}; expected visit -> time, or the times in the order of the visits"
        )
    if len(times) != len(visits):
        raise UsageError(f"times has {len(times)} values for {len(visits)} visits: {', '.join(visits)}")
    return [_time(time) for time in times]


def _time(time: Any) -> float:
    try:
        return float(time)
    except (TypeError, ValueError):
        raise UsageError(f"times holds {time!r}; expected numbers") from None


def _order_is_known(table: LongTable, visit: str) -> None:
    words = {re.sub(NUMBER, "#", str(level)) for level in table.visit.levels}
    if table.visit.declared or len(words) == 1:
        return
    raise UsageError(
        f"the covariance depends on the order of the visits, which {visit!r} does not tell "
        f"({shown(table.visits)}): give visits=[...] in their order, or make the column a pandas Categorical or "
        "a Polars Enum"
    )


def _roles(parsed: Parsed, subject: str) -> None:
    if subject in parsed.variables:
        raise UsageError(
            f"the formula names the subject {subject!r}; its effect is in the covariance: leave it out"
        )
    if str(parsed.outcome) in parsed.needs:
        raise UsageError(f"{str(parsed.outcome)!r} is on both sides of the formula {parsed.formula!r}")


def _with_reference(table: LongTable, parsed: Parsed, reference: Mapping[str, Any]) -> LongTable:
    if not isinstance(reference, Mapping):
        raise UsageError(
            f"reference is {reference!r}; expected factor -> level, such as {{'arm': 'control'}}"
        )
    columns = dict(table.columns)
    for name, level in reference.items():
        if name not in parsed.variables:
            raise UsageError(
                f"reference names {name!r}, which is not in the formula; "
                f"its variables are {', '.join(parsed.variables)}"
            )
        values = columns[name]
        if not isinstance(values, Coded):
            raise UsageError(
                f"reference names {name!r}, which is numeric; write C({name}, contr.treatment({level!r}))"
            )
        columns[name] = values.first(name, level)
    return replace(table, columns=columns)
