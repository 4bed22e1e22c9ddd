"""Tables -> scores: one row a subject, visit and score, with the record that it came from.

Which record is a visit's is decided here: by its label or by its date, with the declared rule where two
records fall into one window; and the baseline is the last scoreable record on or before time zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from armwise.errors import Problem
from armwise.instruments import score as score_answers
from armwise.protocol.model import Form, Protocol
from armwise.protocol.scores import Score, instrument_of
from armwise.study.tables import FILE, LINE, keys_of

#: Columns of the frame of scores.
COLUMNS = (
    "subject",
    "arm",
    "form",
    "score",
    "visit",
    "date",
    "day",
    "value",
    "answered",
    "status",
    "reason",
    FILE,
    LINE,
)


@dataclass(frozen=True)
class Scores:
    """Scores by subject and visit.

    Attributes:
        frame: `subject, arm, form, score` (form.score)`, visit, date, day` (after time zero)`, value` (null where it
            could not be scored)`, answered` (any item of the form was)`, status` (why there is no value)`, reason` (as
            recorded)`, _file, _row`.
        left_out: records that no visit uses: `file, row, subject, visit, excluded_from, reason`.
        problems: what a reader must know about them.
    """

    frame: pl.DataFrame
    left_out: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...]


def scores(
    protocol: Protocol,
    tables: Mapping[str, pl.DataFrame],
    zero: pl.DataFrame,
    catalogue: Mapping[str, Score],
    folder: Path | None = None,
) -> Scores:
    """Scores every form of a study.

    Args:
        protocol: the protocol.
        tables: typed tables by form.
        zero: `subject, arm, time_zero`, as `armwise.study.timing.time_zero` gives it.
        catalogue: the numbers that the forms yield, as `scores_of` gives them.
        folder: the study folder, for instruments of one's own.
    """
    frames, left_out, problems = [], [], []
    for name, form in protocol.forms.items():
        refs = [s for s in catalogue.values() if s.form == name]
        if name not in tables or form.at == "none" or not refs:
            continue
        if (
            not {"visit", "date"} & set(keys_of(name, form, protocol))
            or len(keys_of(name, form, protocol)) > 2
        ):
            continue  # repeats within a visit: an image level, an event
        scored = _score(tables[name], form, refs, folder).join(
            zero.select("subject", "arm", "time_zero"), on="subject", how="inner"
        )
        scored = scored.with_columns((pl.col("date") - pl.col("time_zero")).dt.total_days().alias("day"))
        for ref in refs:
            here = scored.select(
                "subject", "arm", pl.lit(name).alias("form"), pl.lit(ref.ref).alias("score"), "visit", "date", "day",
                pl.col(f"_{ref.name}").alias("value"), "answered", pl.col(f"_{ref.name}_status").alias("status"), "reason", FILE, LINE,
            )  # fmt: skip
            placed, dropped, found = _place(here, protocol)
            frames.append(placed)
            left_out += dropped
            problems += found
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String()))
    unique = {
        (row["file"], row["row"], row["reason"]): row for row in left_out
    }  # a form with two scores lists a record once
    return Scores(frame, tuple(unique.values()), tuple(dict.fromkeys(problems)))


def _score(table: pl.DataFrame, form: Form, refs: list[Score], folder: Path | None) -> pl.DataFrame:
    """The table with `_<score>` and `_<score>_status` of each score."""
    instrument = instrument_of(form, folder)
    if instrument:
        options = form.options or None
        table = score_answers(table, instrument, prefix="_", columns=form.columns or None, options=options)
    codes = [form.columns.get(i.code, i.code) for i in instrument.items] if instrument else []
    answers = [c for c in codes or form.items if c in table.columns]
    table = table.with_columns(pl.any_horizontal(pl.col(answers).is_not_null()).alias("answered"))
    return table.with_columns(
        [
            made
            for ref in refs
            if not (instrument and ref.instrument)
            for made in (
                pl.col(ref.name).cast(pl.Float64).alias(f"_{ref.name}"),
                pl.when(pl.col(ref.name).is_null())
                .then(pl.lit("missing"))
                .otherwise(pl.lit("ok"))
                .alias(f"_{ref.name}_status"),
            )
        ]
    )


def _place(
    here: pl.DataFrame, protocol: Protocol
) -> tuple[pl.DataFrame, list[dict[str, Any]], list[Problem]]:
    """One score's records, each at its visit: at most one a subject and visit."""
    baseline = protocol.baseline
    by_date = protocol.visits_by == "date"
    dated = pl.col("day").is_not_null()
    before = (
        dated & (pl.col("day") <= 0)
        if by_date
        else (dated & (pl.col("day") <= 0)) | (~dated & (pl.col("visit") == baseline))
    )
    late = pl.lit(False) if by_date else dated & (pl.col("day") > 0) & (pl.col("visit") == baseline)
    here = here.with_columns(before.fill_null(False).alias("_before"), late.fill_null(False).alias("_late"))
    problems = [
        Problem(
            "warning", row[FILE], row[LINE], "date",
            f"recorded as {baseline} on day {row['day']}, after time zero: not a baseline", "check the date and the visit",
        )
        for row in here.filter("_late").iter_rows(named=True)
    ]  # fmt: skip
    left_out = _listed(here.filter("_late"), "labelled baseline, but recorded after time zero")
    # The last scoreable record on or before time zero; where none can be scored, the last one stands for what is missing.
    first = here.filter("_before").sort("value", nulls_last=False, maintain_order=True)
    first = first.with_columns(pl.col("value").is_not_null().alias("_scored")).sort(
        "_scored", "day", LINE, nulls_last=False
    )
    chosen = (
        first.group_by("subject", maintain_order=True).last().with_columns(pl.lit(baseline).alias("visit"))
    )
    left_out += _listed(
        first.join(chosen.select("subject", LINE), on=["subject", LINE], how="anti"),
        "before treatment, but not the last scoreable record",
    )
    after = here.filter(~pl.col("_before") & ~pl.col("_late"))
    placed, dropped = (
        _by_window(after, protocol) if by_date else (after.filter(pl.col("visit") != baseline), [])
    )
    columns = list(COLUMNS)
    return pl.concat([chosen.select(columns), placed.select(columns)]), left_out + dropped, problems


def _by_window(after: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Records after time zero -> the visit whose window holds their day; one a visit, by the declared rule."""
    label = pl.lit(None, dtype=pl.String)
    target = pl.lit(None, dtype=pl.Int64)
    for name, visit in list(protocol.visits.items())[1:]:
        lo, hi = visit.window or (0, 0)
        inside = pl.col("day").is_between(visit.day + lo, visit.day + hi)
        label = pl.when(inside).then(pl.lit(name)).otherwise(label)
        target = pl.when(inside).then(pl.lit(visit.day)).otherwise(target)
    after = after.with_columns(label.alias("visit"), (pl.col("day") - target).abs().alias("_off"))
    left_out = _listed(after.filter(pl.col("visit").is_null()), "in no visit's window")
    inside_ = after.filter(pl.col("visit").is_not_null()).with_columns(
        pl.col("value").is_null().alias("_empty")
    )
    # A record that can be scored goes before one that cannot; then the rule; of two equally near the earlier one.
    order = {
        "nearest": ["_empty", "_off", "day", LINE],
        "first": ["_empty", "day", LINE],
        "last": ["_empty", "day", LINE],
    }[protocol.window_rule]
    descending = (
        [False, protocol.window_rule == "last", False][: len(order)]
        if protocol.window_rule != "nearest"
        else [False] * 4
    )
    inside_ = inside_.sort(order, descending=descending)
    chosen = inside_.group_by("subject", "visit", maintain_order=True).first()
    others = inside_.join(chosen.select("subject", "visit", LINE), on=["subject", "visit", LINE], how="anti")
    left_out += _listed(others, f"another record in the window is used (rule: {protocol.window_rule})")
    return chosen, left_out


def _listed(frame: pl.DataFrame, reason: str) -> list[dict[str, Any]]:
    return [
        {
            "file": row[FILE],
            "row": row[LINE],
            "subject": row["subject"],
            "visit": row["visit"],
            "excluded_from": "visits",
            "reason": reason,
        }
        for row in frame.iter_rows(named=True)
    ]
