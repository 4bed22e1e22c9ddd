"""Who took part: from screening to the primary analysis, and which questionnaires came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import polars as pl

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.derive.reasons import known_reason
from armwise.derive.scores import scored_forms
from armwise.protocol.model import Protocol

#: The status of a score whose items the study does not ask for.
NOT_COLLECTED = "not collected"
#: The event that ends a subject's participation.
OFF_STUDY = "off_study"
#: A time zero that says nothing of a treatment.
ENROLMENT = "subjects.enrolled"


def flow(derived: Derived, analysed: Mapping[str, int]) -> Iterator[Row]:
    """Counts from screening to analysis.

    Args:
        derived: the derived study.
        analysed: subjects of each arm in the primary analysis.
    """
    study = derived.study
    protocol = study.protocol

    def count(category: str, number: int, **about: str | None) -> Row:
        return row(
            "count", number, analysis="flow", role="descriptive", category=category, unit="subjects", **about
        )

    screening = study.tables.get("screening")
    if screening is not None:
        yield count("screened", screening.height)
        known = derived.subjects["subject"].to_list()
        others = screening.filter(~pl.col("subject").is_in(known) | pl.col("subject").is_null())
        for reason, number in _counted(_shown(protocol, others["reason"])):
            yield count("not enrolled", number, item=reason)
    yield count("enrolled", derived.subjects.height)
    gone = off_study(derived)
    for arm in protocol.arms:
        mine = derived.subjects.filter(pl.col("arm") == arm)
        yield count("allocated", mine.height, arm=arm)
        if _starts_with_treatment(protocol, arm):
            yield count("treated", mine.height - mine["time_zero"].null_count(), arm=arm)
        left = gone.filter(pl.col("arm") == arm)
        for visit in protocol.visits_after_baseline():
            for reason, number in _counted(left.filter(pl.col("visit") == visit)["reason"]):
                yield count("off study", number, arm=arm, visit=visit, item=reason)
        for visit in protocol.visits:
            yield count("assessed", _assessed(derived, arm, visit), arm=arm, visit=visit)
        yield count("analysed", analysed.get(arm, 0), arm=arm)


def _starts_with_treatment(protocol: Protocol, arm: str) -> bool:
    """Whether time zero says that a subject was treated: not where it is the day of enrolment."""
    zero = protocol.time_zero
    return (zero if isinstance(zero, str) else zero.get(arm, ENROLMENT)) != ENROLMENT


def _shown(protocol: Protocol, reasons: pl.Series) -> pl.Series:
    """Reasons as they may be counted: a category of the protocol, or `another reason`; null stays null."""
    known = [None if r is None else known_reason(protocol, r) for r in reasons]
    return pl.Series(reasons.name, known, dtype=pl.String)


def off_study(derived: Derived) -> pl.DataFrame:
    """`subject, arm, visit, reason` of those who left.

    The visit is the first one that they missed by leaving: nothing was answered at it, and its window had not closed
    when they left. It is null for those who left with every visit behind them.
    """
    events = derived.study.tables.get("events")
    schema = {"subject": pl.String, "arm": pl.String, "visit": pl.String, "reason": pl.String}
    if events is None:
        return pl.DataFrame(schema=schema)
    left = events.filter(pl.col("event").str.replace_all("-", "_") == OFF_STUDY)
    left = left.sort("date", maintain_order=True).unique("subject", keep="first", maintain_order=True)
    left = left.join(
        derived.subjects.select("subject", "arm", "time_zero"),
        on="subject",
        how="inner",
        maintain_order="left",
    )
    answered = (
        derived.scores.filter("answered").group_by("subject").agg(pl.col("visit").unique().alias("_seen"))
    )
    left = left.join(answered, on="subject", how="left", maintain_order="left")
    day = (pl.col("date") - pl.col("time_zero")).dt.total_days()
    visit = pl.lit(None, dtype=pl.String)
    protocol = derived.study.protocol
    for name in reversed(protocol.visits_after_baseline()):
        planned = protocol.visits[name]
        closes = planned.day + (planned.window[1] if planned.window else 0)
        open_still = (day <= closes).fill_null(True)
        missed = open_still & ~pl.col("_seen").list.contains(name).fill_null(False)
        visit = pl.when(missed).then(pl.lit(name)).otherwise(visit)
    return left.with_columns(_shown(protocol, left["reason"])).select(
        "subject", "arm", visit.alias("visit"), pl.col("reason").fill_null("reason not recorded")
    )


def _counted(reasons: pl.Series) -> list[tuple[str, int]]:
    counted = (
        reasons.fill_null("reason not recorded")
        .value_counts(sort=True, name="n")
        .sort(["n", reasons.name], descending=[True, False])
    )
    return [(str(reason), int(n)) for reason, n in counted.iter_rows()]


def _assessed(derived: Derived, arm: str, visit: str) -> int:
    """Subjects with any answer on a form that every arm fills in: a form of one arm would favour that arm."""
    forms = [name for name, form in derived.study.protocol.forms.items() if form.arms is None]
    here = derived.scores.filter(
        (pl.col("arm") == arm) & (pl.col("visit") == visit) & pl.col("answered") & pl.col("form").is_in(forms)
    )
    return here["subject"].n_unique()


def completion(derived: Derived) -> Iterator[Row]:
    """Questionnaires expected, received and scored by form, visit and arm; and why the others are missing."""
    protocol = derived.study.protocol
    received, scored, recorded = _records(derived)
    departed = {subject: (visit, reason) for subject, _, visit, reason in off_study(derived).iter_rows()}
    order = list(protocol.visits)
    people = {
        arm: derived.subjects.filter(pl.col("arm") == arm)["subject"].to_list() for arm in protocol.arms
    }

    def why(subject: str, form: str, visit: str) -> str:
        first, reason = departed.get(subject, (None, ""))
        if first is not None and order.index(first) <= order.index(visit):
            return f"left the study: {reason}"
        return recorded.get((form, visit, subject)) or "not recorded"

    for name in scored_forms(protocol, derived.catalogue):
        form = protocol.forms[name]
        visits = form.at if isinstance(form.at, tuple) else protocol.visits
        for visit, arm in product(visits, form.arms or protocol.arms):
            about: dict[str, Any] = {"analysis": "completion", "role": "descriptive", "item": name}
            about |= {"visit": visit, "arm": arm, "n": len(people[arm]), "unit": "questionnaires"}
            about["label"] = form.label or name
            there = [s for s in people[arm] if (name, visit, s) in received]
            yield row("expected", len(people[arm]), **about)
            yield row("received", len(there), **about)
            yield row("scored", sum((name, visit, s) in scored for s in people[arm]), **about)
            reasons = [why(s, name, visit) for s in people[arm] if (name, visit, s) not in received]
            for reason, number in _counted(pl.Series("reason", reasons, dtype=pl.String)):
                yield row("missing", number, category=reason, **about)


def _records(
    derived: Derived,
) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]], dict[tuple[str, str, str], str | None]]:
    """(form, visit, subject) of the forms with any answer and of those with every score; the others' reasons.

    A form of measurements that is not an instrument has no score to fail: one value makes it count.
    """
    received, scored, failed, recorded = set(), set(), set(), {}
    columns = ("form", "score", "visit", "subject", "answered", "value", "status", "reason")
    for form, score, visit, subject, answered, value, status, reason in derived.scores.select(
        columns
    ).iter_rows():
        if answered:
            received.add((form, visit, subject))
        else:
            recorded[form, visit, subject] = reason and known_reason(derived.study.protocol, reason)
        if value is not None:
            scored.add((form, visit, subject))
        elif derived.catalogue[score].instrument and status != NOT_COLLECTED:
            failed.add((form, visit, subject))
    return received, scored - failed, recorded
