"""Whose rows enter, and what becomes of an outcome after an intercurrent event or when it is missing.

Analysis sets and the strategies of ICH E9(R1), as the protocol declares them; then the rule for missing answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from armwise.protocol.model import Estimand, MissingRule, Protocol


def in_set(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame, name: str
) -> pl.DataFrame:
    """`subject, arm, left_out`: everyone enrolled, with the reason why a subject is not in the analysis set, or null."""
    found = subjects.select("subject", "arm").with_columns(pl.lit(None, dtype=pl.String).alias("left_out"))
    declared = protocol.analysis_sets.get(name)
    for ref, value in (declared.where if declared else {}).items():
        form, item = ref.split(".")
        values = (
            tables[form]
            .select("subject", pl.col(item).cast(pl.String).alias("_v"))
            .unique("subject", keep="first", maintain_order=True)
        )
        found = found.join(values, on="subject", how="left", maintain_order="left").with_columns(
            pl.coalesce("left_out", pl.when(pl.col("_v").is_null() | (pl.col("_v") != value)).then(pl.lit(f"not in the set {name}: {ref} is not {value}")))
        ).drop("_v")  # fmt: skip
    return found


def after_events(
    protocol: Protocol,
    estimand: Estimand | None,
    rows: pl.DataFrame,
    events: pl.DataFrame | None,
    zero: pl.DataFrame,
) -> pl.DataFrame:
    """Applies the estimand's strategies to the outcomes at and after an event's day.

    `treatment-policy` leaves the outcome as observed; `non-response` makes it 0 (a composite strategy, for
    responders); `hypothetical` makes it missing, for the missing-data rule to handle. A visit counts as after the
    event when its target day is on or after the event's day.

    Args:
        protocol: the protocol.
        estimand: the analysis's estimand; None is treatment policy throughout.
        rows: endpoint rows of one endpoint.
        events: the table `events`, or None.
        zero: `subject, time_zero`.
    """
    if estimand is None or events is None:
        return rows
    days = pl.DataFrame(
        {"visit": list(protocol.visits), "_target": [v.day for v in protocol.visits.values()]}
    )
    for event, strategy in estimand.events.items():
        if strategy == "treatment-policy":
            continue
        first = (
            events.filter(pl.col("event") == event)
            .group_by("subject")
            .agg(pl.col("date").min().alias("_event"))
        )
        first = first.join(zero.select("subject", "time_zero"), on="subject", how="inner").select(
            "subject", (pl.col("_event") - pl.col("time_zero")).dt.total_days().alias("_event_day")
        )
        rows = rows.join(first, on="subject", how="left", maintain_order="left").join(
            days, on="visit", how="left", maintain_order="left"
        )
        hit = (pl.col("_event_day") <= pl.col("_target")).fill_null(False)
        outcome = pl.lit(0.0) if strategy == "non-response" else pl.lit(None, dtype=pl.Float64)
        why = pl.lit(None, dtype=pl.String) if strategy == "non-response" else pl.lit(f"after {event}")
        rows = rows.with_columns(
            pl.when(hit).then(outcome).otherwise("outcome").alias("outcome"),
            pl.when(hit).then(why).otherwise("missing").alias("missing"),
        ).drop("_event_day", "_target")
    return rows


def filled(rows: pl.DataFrame, rule: MissingRule, protocol: Protocol, kind: str) -> pl.DataFrame:
    """Applies the rule for a missing outcome; the column `filled` marks the outcomes that the rule made.

    `complete-cases` fills nothing. `non-response` makes a missing response 0; `worst-case` makes it 0 in the arms
    that are compared with the reference, and 1 in the reference. `locf` carries the last observation forward, the
    baseline included (a change of 0, no response); it exists to reproduce old reports, because it takes a patient
    who left to have stayed as they were.

    Args:
        rows: one endpoint at all visits.
        rule: the rule.
        protocol: for the reference arm and the order of visits.
        kind: the endpoint's kind.
    """
    gap = pl.col("outcome").is_null()
    if rule == "complete-cases":
        made = pl.col("outcome")
    elif rule == "non-response":
        made = pl.col("outcome").fill_null(0.0)
    elif rule == "worst-case":
        made = (
            pl.when(gap)
            .then(pl.when(pl.col("arm") == protocol.reference).then(1.0).otherwise(0.0))
            .otherwise("outcome")
        )
    else:
        order = {visit: i for i, visit in enumerate(protocol.visits)}
        rows = rows.with_columns(pl.col("visit").replace_strict(order, return_dtype=pl.Int64).alias("_order"))
        rows = rows.sort("subject", "_order", maintain_order=True).drop("_order")
        made = pl.col("outcome").forward_fill().over("subject")
        if kind == "value":
            made = made.fill_null(pl.col("baseline"))
        else:  # no change from the baseline that is carried; without a baseline there is nothing to carry
            made = pl.when(pl.col("baseline").is_not_null()).then(made.fill_null(0.0)).otherwise(made)
    return rows.with_columns(made.alias("outcome"), (gap & made.is_not_null()).alias("filled"))
