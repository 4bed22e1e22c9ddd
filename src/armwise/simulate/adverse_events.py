"""Adverse events as a patient's form would hold them: when, what, how severe, how it ended.

Events of one kind come at a constant expected number (Poisson) within their days; grade, seriousness, relation and
outcome are drawn on their own, so that nothing here depends on how well a patient does.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from armwise.protocol.model import Form
from armwise.simulate.attendance import iso, pick
from armwise.simulate.enrolled import Enrolled
from armwise.simulate.table_kinds import AdverseEvents


def draw_adverse_events(
    table: AdverseEvents, form: Form, enrolled: Enrolled, rng: np.random.Generator
) -> pl.DataFrame:
    """One row an event, sorted by patient and day; only the items that the form has."""
    columns: dict[str, list[object]] = {
        name: [] for name in ("order", "subject", "date", "term", "severity", "serious", "start", "until")
    }
    end = enrolled.attendance.until()
    for word, term in table.terms.items():
        count = rng.poisson(enrolled.by_arm(dict(term.by_arm)))
        patient = np.repeat(np.arange(len(count)), count)
        low, high = term.days
        day = enrolled.attendance.zero[patient] + rng.integers(low, high + 1, len(patient))
        severity = pick(rng, {str(k): w for k, w in table.severity.items()}, len(patient)).astype(np.int64)
        serious = rng.random(len(patient)) < table.serious
        severity = np.where(serious, np.maximum(severity, 3), severity)  # a serious event is no mild one
        kept = day <= end[patient]
        columns["order"] += patient[kept].tolist()
        columns["subject"] += enrolled.subject[patient[kept]].tolist()
        columns["date"] += iso(day[kept])
        columns["term"] += [word] * int(kept.sum())
        columns["severity"] += severity[kept].tolist()
        columns["serious"] += [table.serious_words[0] if s else table.serious_words[1] for s in serious[kept]]
        columns["start"] += day[kept].tolist()
        columns["until"] += end[patient[kept]].tolist()
    numbers = ("order", "severity", "start", "until")
    types = {name: pl.Int64 if name in numbers else pl.String for name in columns}
    frame = pl.DataFrame(columns, schema=types)
    frame = frame.unique(["subject", "date", "term"], keep="first", maintain_order=True)
    frame = _course(table, frame.sort("order", "date", "term"), rng)
    return frame.select("subject", *(c for c in form.items if c in frame.columns))


def _course(table: AdverseEvents, frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """How each event went on: its last day, what it was related to, its outcome.

    An event that would end after the patient was last seen has no last day yet, and its patient has not recovered.
    """
    n = frame.height
    low, high = table.lasts
    start, until = frame["start"].to_numpy(), frame["until"].to_numpy()
    last = start + rng.integers(low, high + 1, n)
    over = (rng.random(n) < table.recovered) & (last <= until)
    of_procedure = frame["term"].is_in([word for word, term in table.terms.items() if term.procedure])
    of_treatment = rng.random(n) < table.related
    procedure, treatment, neither = table.related_words
    related = np.where(of_procedure.to_numpy(), procedure, np.where(of_treatment, treatment, neither))
    recovered, open_still = table.outcome_words
    dates = [day if ended else None for day, ended in zip(iso(last), over, strict=True)]
    return frame.with_columns(
        pl.Series("end", dates, dtype=pl.String),
        pl.Series("related", related, dtype=pl.String),
        pl.Series("outcome", np.where(over, recovered, open_still), dtype=pl.String),
    )
