"""Intercurrent events: how many patients had each, by arm."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived


def intercurrent_events(derived: Derived) -> Iterator[Row]:
    """Patients with each declared event on or after time zero, by arm; one before it is history, and not counted.

    An event without a date is counted: that it happened is known, though not when.
    """
    protocol = derived.study.protocol
    table = derived.study.tables.get(
        "events", pl.DataFrame(schema={"subject": pl.String, "event": pl.String})
    )
    if "date" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.Date).alias("date"))
    after = (
        table.select("subject", "event", "date")
        .join(derived.subjects.select("subject", "arm", "time_zero"), on="subject", how="inner")
        .filter((pl.col("date") >= pl.col("time_zero")).fill_null(True))
    )
    for event, declared in protocol.events.items():
        for arm in protocol.arms:
            mine = after.filter((pl.col("event") == event) & (pl.col("arm") == arm))
            enrolled = derived.subjects.filter(pl.col("arm") == arm).height
            yield row(
                "subjects with the event", mine["subject"].n_unique(), analysis="intercurrent events", arm=arm,
                role="descriptive", planned="pre-specified", item=event, n=enrolled, unit="subjects",
                method="on or after time zero", label=declared.label or event,
            )  # fmt: skip
