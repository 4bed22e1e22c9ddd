"""Covariates: one row a subject, all of them measured before treatment."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from armwise.errors import Problem
from armwise.protocol.model import Protocol
from armwise.study.tables import FILE, LINE


def covariates(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], frame: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """`subject, arm` and a column a covariate of the protocol: Float64 for numbers, String for categories.

    Args:
        protocol: the protocol.
        tables: typed tables by form.
        frame: scores, as `armwise.derive.scores.scores` gives them; a score's covariate is its baseline.
        subjects: `subject, arm, time_zero` of everyone enrolled: what a dated form records later is no covariate.
    """
    found = subjects.select("subject", "arm")
    at_baseline = frame.filter(pl.col("visit") == protocol.baseline)
    for name, covariate in protocol.covariates.items():
        if covariate.score:
            values = at_baseline.filter(pl.col("score") == covariate.score).select(
                "subject", pl.col("value").alias(name)
            )
        else:
            form, item = (covariate.item or "").split(".")
            declared = (
                protocol.forms[form].items.get(item) if form in protocol.forms else None
            )  # none: the site
            number = declared is not None and declared.type in ("integer", "number")
            kind = pl.Float64 if number else pl.String
            if form not in tables:
                found = found.with_columns(pl.lit(None, dtype=kind).alias(name))
                continue
            values = (
                _before_treatment(tables[form], subjects, item)
                .select("subject", pl.col(item).cast(kind).alias(name))
                .unique("subject", keep="first", maintain_order=True)
            )
        found = found.join(values, on="subject", how="left", maintain_order="left")
    return found


def late_covariates(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame
) -> list[Problem]:
    """The records of covariates that are dated after time zero: they may be what the treatment did, and are not used.

    Args:
        protocol: the protocol.
        tables: typed tables by form.
        subjects: `subject, time_zero` of everyone enrolled.
    """
    problems = []
    for name, covariate in protocol.covariates.items():
        form, item = (covariate.item or ".").split(".")
        if form not in tables or item not in tables[form].columns:
            continue
        dated = _with_zero(tables[form], subjects)
        for row in dated.filter(_late(item)).iter_rows(named=True):
            what = f"`{name}` is recorded after time zero (day {(row['date'] - row['_zero']).days}): no covariate"
            todo = "enter the value from before the treatment, or correct the date"
            problems.append(Problem("warning", row[FILE], row[LINE], item, what, todo))
    return problems


def _before_treatment(table: pl.DataFrame, subjects: pl.DataFrame, item: str) -> pl.DataFrame:
    """The table, its item empty where the record is dated after time zero."""
    dated = _with_zero(table, subjects)
    return dated.with_columns(pl.when(~_late(item)).then(item).alias(item))


def _with_zero(table: pl.DataFrame, subjects: pl.DataFrame) -> pl.DataFrame:
    zero = pl.lit(None, dtype=pl.Date)
    if "date" not in table.columns or "time_zero" not in subjects.columns:
        return table.with_columns(zero.alias("_zero"), date=zero)
    known = subjects.select("subject", _zero="time_zero")
    return table.join(known, on="subject", how="left", maintain_order="left")


def _late(item: str) -> pl.Expr:
    return (pl.col(item).is_not_null() & (pl.col("date") > pl.col("_zero"))).fill_null(False)


def labels(protocol: Protocol, name: str) -> tuple[str, str, dict[str, str]]:
    """A covariate's label, unit and category labels."""
    covariate = protocol.covariates[name]
    if covariate.score or not covariate.item:
        return covariate.label or name, "points", {}
    form, item = covariate.item.split(".")
    declared = protocol.forms[form].items.get(item) if form in protocol.forms else None
    if declared is None:  # the site, a column of every table: its categories are those there are
        return covariate.label or name, "", {}
    return (
        covariate.label or declared.text(protocol.study.language) or name,
        declared.unit,
        dict(declared.choices or {}),
    )
