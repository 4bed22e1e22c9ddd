"""Tables -> scores: one row a subject, visit and score, with the record that it came from.

Which record is a visit's is decided here: by its label or by its date, with the declared rule where two
records fall into one window; and the baseline is the last scoreable record on or before time zero (where visits have
labels: of those labelled baseline).
"""

from __future__ import annotations

from collections import defaultdict
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
from armwise.study.timing import contradicts

#: Columns of the frame of scores.
COLUMNS: dict[str, pl.DataType] = {
    **dict.fromkeys(("subject", "arm", "form", "score", "visit"), pl.String()),
    "date": pl.Date(),
    "day": pl.Int64(),
    "value": pl.Float64(),
    "answered": pl.Boolean(),
    **dict.fromkeys(("status", "reason", FILE), pl.String()),
    LINE: pl.Int64(),
}


@dataclass(frozen=True)
class Scores:
    """Scores by subject and visit.

    Attributes:
        frame: `subject, arm, form, score` (form.score)`, visit, date, day` (after time zero)`, value` (null where it
            could not be scored)`, answered` (any item of the form was)`, status` (why there is no value)`, reason` (as
            recorded)`, _file, _row`.
        left_out: records that no visit uses: `file, row, subject, visit, excluded_from, reason`. A record that only
            some scores of its form leave out names them in `excluded_from`.
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
    frames, left_out, problems = [pl.DataFrame(schema=COLUMNS)], [], []
    for name, refs in scored_forms(protocol, catalogue).items():
        if name not in tables:
            continue
        scored = _score(tables[name], protocol.forms[name], refs, folder).join(
            zero.select("subject", "arm", "time_zero"), on="subject", how="inner", maintain_order="left"
        )
        scored = scored.with_columns((pl.col("date") - pl.col("time_zero")).dt.total_days().alias("day"))
        dropped = []
        for ref in refs:
            here = scored.select(
                "subject", "arm", pl.lit(name).alias("form"), pl.lit(ref.ref).alias("score"), "visit", "date", "day",
                pl.col(f"_{ref.name}").alias("value"), "answered", pl.col(f"_{ref.name}_status").alias("status"),
                "reason", FILE, LINE,
            )  # fmt: skip
            placed, out = _place(here, protocol)
            frames.append(placed)
            dropped += out
        left_out += _together(dropped, len(refs))
        problems += _contradictions(scored, protocol)
    return Scores(pl.concat(frames), tuple(left_out), tuple(problems))


def scored_forms(protocol: Protocol, catalogue: Mapping[str, Score]) -> dict[str, list[Score]]:
    """The forms that yield scores by visit, with their scores: filled in at most once a subject and visit.

    An image level or an adverse event repeats within a visit, and is not among them.
    """
    found: dict[str, list[Score]] = {}
    for name, form in protocol.forms.items():
        keys = keys_of(name, form, protocol)
        refs = [score for score in catalogue.values() if score.form == name and not score.computed]
        if refs and form.at != "none" and {"visit", "date"} & set(keys) and len(keys) <= 2:
            found[name] = refs
    return found


def _score(table: pl.DataFrame, form: Form, refs: list[Score], folder: Path | None) -> pl.DataFrame:
    """The table with `_<score>` and `_<score>_status` of each score, and whether anything was `answered`."""
    instrument = instrument_of(form, folder)
    if instrument:
        options = form.options or None
        table = score_answers(table, instrument, prefix="_", columns=form.columns or None, options=options)
    codes = [form.columns.get(i.code, i.code) for i in instrument.items] if instrument else []
    answers = [c for c in codes or form.items if c in table.columns]
    table = table.with_columns(pl.any_horizontal(pl.col(answers).is_not_null()).alias("answered"))
    items = [ref.name for ref in refs if not (instrument and ref.instrument)]
    return table.with_columns(
        *(pl.col(name).cast(pl.Float64).alias(f"_{name}") for name in items),
        *(
            pl.when(pl.col(name).is_null())
            .then(pl.lit("missing"))
            .otherwise(pl.lit("ok"))
            .alias(f"_{name}_status")
            for name in items
        ),
    )


def _before(protocol: Protocol) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Whether a record is of before treatment; whether it says baseline, but was made later; the reverse.

    By date, what was made on or before time zero is of before treatment; by label, what says baseline and was made
    then. A record without a day (no date, or no time zero) goes by its label.
    """
    early = (pl.col("day") <= 0).fill_null(False)
    if protocol.visits_by == "date":
        return early, pl.lit(False), pl.lit(False)
    baseline = (pl.col("visit") == protocol.baseline).fill_null(False)
    dated = pl.col("day").is_not_null()
    return baseline & (early | ~dated), baseline & dated & ~early, contradicts(protocol, "day")


def _place(here: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """One score's records, each at its visit: at most one a subject and visit; and those that no visit uses."""
    before, late, misdated = _before(protocol)
    here = here.with_columns(
        before.alias("_before"),
        late.alias("_late"),
        misdated.alias("_misdated"),
        pl.col("value").is_null().alias("_empty"),
    )
    # The last scoreable record on or before time zero; where none can be scored, the last one stands for it.
    early = here.filter("_before").sort(~pl.col("_empty"), "day", LINE, nulls_last=False)
    first = early.group_by("subject", maintain_order=True).last()
    left_out = _listed(here.filter("_late"), "labelled baseline, but recorded after time zero")
    for visit in protocol.visits_after_baseline():
        misread = here.filter(pl.col("_misdated") & (pl.col("visit") == visit))
        left_out += _listed(misread, f"labelled {visit}, dated before time zero")
    left_out += _listed(
        early.join(first.select("subject", LINE), on=["subject", LINE], how="anti", maintain_order="left"),
        "before treatment, but not the last scoreable record",
    )
    placed, dropped = _follow_up(here.filter(~pl.any_horizontal("_before", "_late", "_misdated")), protocol)
    first = first.with_columns(pl.lit(protocol.baseline).alias("visit"))
    columns = [pl.col(name).cast(kind) for name, kind in COLUMNS.items()]
    return pl.concat([first.select(columns), placed.select(columns)]), left_out + dropped


def _follow_up(after: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Records after time zero, each at its visit; one a visit, by the declared rule."""
    planned = {name: protocol.visits[name] for name in protocol.visits_after_baseline()}
    if protocol.visits_by == "date":
        label = pl.lit(None, dtype=pl.String)
        for name, visit in planned.items():
            lo, hi = visit.window or (0, 0)
            inside = pl.col("day").is_between(visit.day + lo, visit.day + hi)
            label = pl.when(inside).then(pl.lit(name)).otherwise(label)
        after = after.with_columns(label.alias("visit"))
    nowhere = after.filter(pl.col("visit").is_null())
    left_out = _listed(nowhere.filter(pl.col("day").is_not_null()), "in no visit's window")
    left_out += _listed(
        nowhere.filter(pl.col("day").is_null()), "no time zero, so that its visit is not known"
    )
    target = pl.col("visit").replace_strict(
        {n: v.day for n, v in planned.items()}, default=None, return_dtype=pl.Int64
    )
    # A record that can be scored goes before one that cannot; then the rule; of two equally near the earlier one.
    order = {
        "nearest": [(pl.col("day") - target).abs(), pl.col("day"), pl.col(LINE)],
        "first": [pl.col("day"), pl.col(LINE)],
        "last": [-pl.col("day"), -pl.col(LINE)],
    }[protocol.window_rule]
    placed = after.filter(pl.col("visit").is_not_null()).sort("_empty", *order, nulls_last=True)
    chosen = placed.group_by("subject", "visit", maintain_order=True).first()
    others = placed.join(
        chosen.select("subject", LINE), on=["subject", LINE], how="anti", maintain_order="left"
    )
    left_out += _listed(others, f"another record of the visit is used (rule: {protocol.window_rule})")
    return chosen, left_out


def _contradictions(scored: pl.DataFrame, protocol: Protocol) -> list[Problem]:
    """Records that say baseline and were made after time zero; the reverse is an error of validation."""
    _, late, _ = _before(protocol)
    found = []
    for row in scored.filter(late).iter_rows(named=True):
        what = f"recorded as {protocol.baseline} on day {row['day']}, after time zero: not a baseline"
        found.append(Problem("warning", row[FILE], row[LINE], "date", what, "check the date and the visit"))
    return found


def _listed(frame: pl.DataFrame, reason: str) -> list[dict[str, Any]]:
    return [
        {
            "file": row[FILE],
            "row": row[LINE],
            "subject": row["subject"],
            "visit": row["visit"],
            "excluded_from": row["score"],
            "reason": reason,
        }
        for row in frame.iter_rows(named=True)
    ]


def _together(dropped: list[dict[str, Any]], scores_of_form: int) -> list[dict[str, Any]]:
    """A form's records, each listed once a reason: which scores leave it out, or `visits` when all of them do."""
    alike: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for entry in dropped:
        alike[entry["file"], entry["row"], entry["reason"]].append(entry)
    return [
        {
            **entries[0],
            "excluded_from": "visits"
            if len(entries) == scores_of_form
            else ", ".join(entry["excluded_from"] for entry in entries),
        }
        for entries in alike.values()
    ]
