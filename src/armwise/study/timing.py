"""Time zero of each subject: the day from which visits count, as the protocol declares it by arm."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from armwise.protocol.model import Protocol
from armwise.study.tables import FILE, LINE


def time_zero(protocol: Protocol, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """`subject`, `arm`, `time_zero` (Date, null when not recorded), `_file`, `_row`: one row a subject of a known arm.

    Where the date's table holds several rows of a subject (one a structure injected, say), the first day counts.
    """
    subjects = tables["subjects"].filter(
        pl.col("arm").is_in(list(protocol.arms)) & pl.col("subject").is_not_null()
    )
    subjects = subjects.unique("subject", keep="first", maintain_order=True)
    refs = (
        protocol.time_zero
        if isinstance(protocol.time_zero, dict)
        else dict.fromkeys(protocol.arms, protocol.time_zero)
    )
    parts = []
    for arm, ref in refs.items():
        form, column = ref.split(".")
        here = subjects.filter(pl.col("arm") == arm).select("subject", "arm", FILE, LINE)
        if form in tables and column in tables[form].columns:
            dates = tables[form].group_by("subject").agg(pl.col(column).min().alias("time_zero"))
            here = here.join(dates, on="subject", how="left", maintain_order="left")
        else:
            here = here.with_columns(pl.lit(None, dtype=pl.Date).alias("time_zero"))
        parts.append(here.select("subject", "arm", "time_zero", FILE, LINE))
    return pl.concat(parts).sort(LINE)


def contradicts(protocol: Protocol, day: str) -> pl.Expr:
    """Whether a record's label and date cannot both be right: a visit of after time zero, dated before it.

    Args:
        protocol: the protocol; its visits have labels.
        day: the column that holds the days from time zero.
    """
    later = [
        name
        for name in protocol.visits_after_baseline()
        if protocol.visits[name].day + (protocol.visits[name].window or (0, 0))[0] >= 0
    ]
    return ((pl.col(day) < 0) & pl.col("visit").is_in(later)).fill_null(False)
