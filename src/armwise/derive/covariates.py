"""Covariates: one row a subject, all of them measured before treatment."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from armwise.protocol.model import Protocol


def covariates(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], frame: pl.DataFrame, subjects: pl.DataFrame
) -> pl.DataFrame:
    """`subject, arm` and a column a covariate of the protocol: Float64 for numbers, String for categories.

    Args:
        protocol: the protocol.
        tables: typed tables by form.
        frame: scores, as `armwise.derive.scores.scores` gives them; a score's covariate is its baseline.
        subjects: `subject, arm` of everyone enrolled.
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
                tables[form]
                .select("subject", pl.col(item).cast(kind).alias(name))
                .unique("subject", keep="first", maintain_order=True)
            )
        found = found.join(values, on="subject", how="left", maintain_order="left")
    return found


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
