"""Whose rows enter, and what becomes of an outcome after an intercurrent event or when it is missing.

Analysis sets and the strategies of ICH E9(R1), as the protocol declares them; then the rule for missing answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from armwise.protocol.model import Estimand, MissingRule, Protocol
from armwise.protocol.plan import DRAWN


def in_set(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame, name: str
) -> pl.DataFrame:
    """`subject, arm, left_out`: everyone enrolled, with the reason for not being in the analysis set, or null."""
    found = subjects.select("subject", "arm").with_columns(pl.lit(None, dtype=pl.String).alias("left_out"))
    declared = protocol.analysis_sets.get(name)
    for ref, value in (declared.where if declared else {}).items():
        form, item = ref.split(".")
        reason = pl.lit(f"not in the set {name}: {ref} is not {value}")
        if form not in tables:
            found = found.with_columns(pl.coalesce("left_out", reason))
            continue
        values = tables[form].select("subject", pl.col(item).cast(pl.String).alias("_v"))
        found = found.join(
            values.unique("subject", keep="first", maintain_order=True),
            on="subject",
            how="left",
            maintain_order="left",
        ).with_columns(pl.coalesce("left_out", pl.when(~pl.col("_v").eq_missing(pl.lit(value))).then(reason)))
    return found.select("subject", "arm", "left_out")


def after_events(
    protocol: Protocol,
    estimand: Estimand | None,
    rows: pl.DataFrame,
    events: pl.DataFrame | None,
    zero: pl.DataFrame,
) -> pl.DataFrame:
    """Applies the estimand's strategies to the outcomes at and after an event's day.

    `treatment-policy` leaves the outcome as observed; `non-response` makes it 0 (a composite strategy, for
    responders); `hypothetical` makes it missing, for the missing-data rule to handle; `while-on-treatment` takes the
    last outcome before the event (while alive, where the event is death), and is missing where there is none. An
    outcome is after the event when it was recorded, or (where it was not) when its visit was due, on or after the
    event's day. Of several events the earliest decides; one before time zero is history, not an intercurrent event.

    Args:
        protocol: the protocol.
        estimand: the analysis's estimand; None is treatment policy throughout.
        rows: endpoint rows of one endpoint.
        events: the table `events`, or None.
        zero: `subject, time_zero`.
    """
    strategies = {e: s for e, s in (estimand.events if estimand else {}).items() if s != "treatment-policy"}
    if not strategies or events is None:
        return rows
    zero = zero.select("subject", "time_zero")
    place = {event: i for i, event in enumerate(strategies)}  # two on one day: in the order of the protocol
    first = (
        events.filter(pl.col("event").is_in(list(strategies)) & pl.col("date").is_not_null())
        .join(zero, on="subject", how="inner")
        .filter((pl.col("date") >= pl.col("time_zero")).fill_null(True))
        .sort("date", pl.col("event").replace_strict(place, return_dtype=pl.Int64))
        .unique("subject", keep="first", maintain_order=True)
        .select("subject", _event="event", _on="date")
    )
    days = {name: visit.day for name, visit in protocol.visits.items()}
    due = pl.col("time_zero") + pl.duration(days=pl.col("visit").replace_strict(days, return_dtype=pl.Int64))
    hit = (pl.col("_on") <= pl.coalesce("date", due)).fill_null(False)
    fails, stays = (
        pl.col("_event").replace_strict({e: s == which for e, s in strategies.items()}, default=False)
        for which in ("non-response", "while-on-treatment")
    )
    joined = rows.join(first, on="subject", how="left", maintain_order="left").join(
        zero, on="subject", how="left", maintain_order="left"
    )
    order = pl.col("visit").replace_strict(
        {v: i for i, v in enumerate(protocol.visits)}, return_dtype=pl.Int64
    )
    last = pl.when(~hit).then("outcome").forward_fill().over("subject", order_by=order)
    joined = joined.with_columns(last.alias("_last"))
    kept = pl.when(fails).then(pl.lit(0.0)).when(stays).then("_last")
    after = pl.concat_str(pl.lit("after "), "_event")
    return joined.with_columns(
        pl.when(hit).then(kept).otherwise("outcome").alias("outcome"),
        pl.when(hit & (fails | (stays & pl.col("_last").is_not_null())))
        .then(None)
        .when(hit)
        .then(after)
        .otherwise("missing")
        .alias("missing"),
    ).select(rows.columns)


def filled(rows: pl.DataFrame, rule: MissingRule, protocol: Protocol, kind: str) -> pl.DataFrame:
    """Applies the rule for a missing outcome; the column `filled` marks the outcomes that the rule made.

    `complete-cases`, `likelihood` and the rules that draw outcomes fill nothing here. `non-response` makes a missing
    response 0; `worst-case` makes it 0 in the arms that are compared with the reference, and 1 in the reference. `locf`
    carries the last observation forward, the baseline included (a change of 0, no response); it exists to reproduce old
    reports, because it takes a patient who left to have stayed as they were.

    Args:
        rows: one endpoint at all visits.
        rule: the rule.
        protocol: for the reference arm and the order of visits.
        kind: the endpoint's kind.
    """
    gap = pl.col("outcome").is_null()
    if rule in ("complete-cases", "likelihood", *DRAWN):
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
        carried = pl.col("outcome").forward_fill().over("subject")
        start = (
            pl.col("baseline") if kind == "value" else pl.lit(0.0)
        )  # the baseline itself: no change, no response
        made = pl.when("has_baseline").then(carried.fill_null(start)).otherwise(carried)
    return rows.with_columns(made.alias("outcome"), (gap & made.is_not_null()).alias("filled"))
