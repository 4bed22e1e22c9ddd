"""Safety: how many had which adverse event, how often, what was not seen, and every serious event.

Subjects and events are counted apart. Intervals are exact and say their side; nothing is tested. What came of the
procedure has no comparison: in an arm without the procedure it cannot happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.adverse_events import UNNAMED, YEAR, AdverseEvents, first_days, month_of
from armwise.derive.derived import Derived
from armwise.protocol.model import Protocol
from armwise.protocol.safety import GRADES, Safety
from armwise.stats import Estimate, exact_risk, poisson_rate, risk_difference, rule_of_three
from armwise.stats.estimate import RISK
from armwise.stats.rates import RATE_METHODS, RISK_METHODS

ANALYSIS: Final = "safety"
#: The unit of the rates.
PER: Final = "per 100 patient-years"
#: What is counted: category -> the key of the protocol that it needs, and the condition on an event.
CATEGORIES: Final[dict[str, tuple[str | None, pl.Expr]]] = {
    "any event": (None, pl.lit(True)),
    "serious": ("serious", pl.col("serious")),
    "grade 3 or more": ("grade", pl.col("grade") >= 3),
    "fatal": ("outcome", pl.col("fatal")),
    "withdrawal": ("withdrawal", pl.col("withdrawal")),
    "related": ("related", pl.col("related")),
    "procedure-related": ("procedure_related", pl.col("procedure_related")),
}
#: Categories that are not compared: what is related to one treatment is another thing in each arm.
NOT_COMPARED: Final = ("related", "procedure-related")
#: The same events, without those of the procedure: what both arms can have.
BOTH_ARMS: Final = "not procedure-related"
#: An event that none of the arm had, whatever it may be.
NOT_SEEN: Final = "an event that nobody had"
TERM, BODY_SYSTEM = "term", "body system"
#: Why there is no risk where there is no table of events: what was not collected did not fail to happen.
NO_TABLE: Final = "no table of adverse events: that none was recorded does not say that there was none"
#: Why there is no risk of an event of the procedure in an arm that did not have it.
NO_PROCEDURE: Final = "the arm had no procedure: an event of it cannot happen there"
#: What may be unknown of an event, so that it is left out of a category: category -> column.
UNKNOWN: Final = {
    "serious": "serious",
    "grade 3 or more": "grade",
    "fatal": "outcome",
    "withdrawal": "withdrawal",
}


@dataclass(frozen=True)
class _Counted:
    """The events, those who were watched, and the columns that every row has."""

    protocol_arms: tuple[str, ...]
    reference: str
    declared: Safety
    found: AdverseEvents
    about: dict[str, Any]
    without: tuple[str, ...]

    def arm(self, arm: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The events and the subjects of an arm."""
        mine = pl.col("arm") == arm
        return self.found.events.filter(mine), self.found.watched.filter(mine)

    @property
    def without_procedure(self) -> bool:
        """Whether some events belong to a procedure that one arm alone has."""
        return self.declared.procedure_related is not None


def safety(derived: Derived) -> Iterator[Row]:
    """The rows on adverse events; none where the protocol declares no `safety`."""
    protocol, found = derived.study.protocol, derived.adverse_events
    if found is None or protocol.safety is None:
        return
    about = {"analysis": ANALYSIS, "role": "descriptive", "analysis_set": protocol.safety.set}
    c = _Counted(
        tuple(protocol.arms), protocol.reference, protocol.safety, found, about, without_procedures(protocol)
    )
    if not found.recorded:
        yield from _not_recorded(c)
        return
    yield from _watched(c)
    for category, (needs, condition) in CATEGORIES.items():
        if needs is None or getattr(c.declared, needs) is not None:
            yield from _category(c, category, condition.fill_null(False))
    for column, category in (("body_system", BODY_SYSTEM), ("term", TERM)):
        if column == "term" or c.declared.body_system:
            yield from _terms(c, column, category)
    yield from _serious(c)


def without_procedures(protocol: Protocol) -> tuple[str, ...]:
    """The arms that have no procedure, where the protocol says which have one."""
    declared = protocol.treatments.procedures if protocol.treatments else None
    arms = protocol.forms[declared.form].arms if declared else None
    return tuple(arm for arm in protocol.arms if arms and arm not in arms)


def _not_recorded(c: _Counted) -> Iterator[Row]:
    """No table: the number of those who were watched, and no risk at all."""
    for arm in c.protocol_arms:
        n, level = c.arm(arm)[1].height, c.declared.conf_level
        none = Estimate.not_estimable(RISK, RISK_METHODS["two-sided"], NO_TABLE, conf_level=level, n=n)
        yield estimate_row(none, **{**c.about, "arm": arm, "category": "any event", "unit": "proportion"})


def _watched(c: _Counted) -> Iterator[Row]:
    """Who was watched and for how long, and what an event that none of them had may still be."""
    for arm in c.protocol_arms:
        _, people = c.arm(arm)
        about = {**c.about, "arm": arm}
        n, level = people.height, c.declared.conf_level
        yield row("patient-years", _years(people), n=n, unit="patient-years", **about)
        yield row("count", c.found.before[arm], category="before time zero", unit="events", **about)
        yield from _not_seen(n, level, about)


def _not_seen(n: int, level: float, about: dict[str, Any]) -> Iterator[Row]:
    fixed = {**about, "category": NOT_SEEN, "unit": "proportion"}
    for found in (exact_risk(0, n, level), exact_risk(0, n, level, "upper")):
        yield estimate_row(found, **fixed)
    if level == 0.95:  # the three is that of 95 %
        yield estimate_row(rule_of_three(n), **fixed)


def _years(people: pl.DataFrame) -> float:
    """The person time of some subjects in years."""
    return float(people["days"].to_numpy().sum()) / YEAR


def _category(c: _Counted, category: str, condition: pl.Expr) -> Iterator[Row]:
    """One kind of event by arm: subjects, events, risk, rates; and arms compared where both can have it."""
    fixed = {**c.about, "category": category}
    for arm in c.protocol_arms:
        events, people = c.arm(arm)
        mine = events.filter(condition)
        if category == "procedure-related" and arm in c.without and mine.is_empty():
            yield from _impossible(c, people.height, {**fixed, "arm": arm})
            continue
        yield from _counts(c, mine, people, {**fixed, "arm": arm})
        yield from _rates(c, mine, people, {**fixed, "arm": arm})
        if category in UNKNOWN:
            unknown = events[UNKNOWN[category]].null_count()
            yield row("missing", unknown, n=events.height, unit="events", **{**fixed, "arm": arm})
    if category in NOT_COMPARED:
        return
    if c.without_procedure:
        condition = condition & ~pl.col("procedure_related").fill_null(False)
        fixed["item"] = BOTH_ARMS
        for arm in c.protocol_arms:
            events, people = c.arm(arm)
            yield from _counts(c, events.filter(condition), people, {**fixed, "arm": arm})
    yield from _differences(c, condition, fixed)


def _impossible(c: _Counted, n: int, about: dict[str, Any]) -> Iterator[Row]:
    """The rows of `_counts` and `_rates` for what an arm cannot have: no event, and no limits of a risk of it."""
    level = c.declared.conf_level
    for counted in ("subjects", "events"):
        yield row(counted, 0, n=n, **{**about, "unit": counted, "reason": NO_PROCEDURE})
    methods = [(RISK, RISK_METHODS["two-sided"]), (RISK, RISK_METHODS["upper"])]
    methods += [(rate, RATE_METHODS["two-sided"]) for rate in ("incidence rate", "event rate")]
    for statistic, method in methods:
        none = Estimate.not_estimable(statistic, method, NO_PROCEDURE, conf_level=level, n=n)
        yield estimate_row(none, **{**about, "unit": "proportion" if statistic == RISK else PER})


def _counts(c: _Counted, events: pl.DataFrame, people: pl.DataFrame, about: dict[str, Any]) -> Iterator[Row]:
    """Subjects and events, and the share of subjects with its exact limits: both sides, and the upper one alone."""
    n, level = people.height, c.declared.conf_level
    had = events["subject"].n_unique()
    yield row("subjects", had, n=n, **{**about, "unit": "subjects"})
    yield row("events", events.height, n=n, **{**about, "unit": "events"})
    yield estimate_row(exact_risk(had, n, level), **{**about, "unit": "proportion"})
    if about.get("item") is None:
        yield estimate_row(exact_risk(had, n, level, "upper"), **{**about, "unit": "proportion"})


def _rates(c: _Counted, events: pl.DataFrame, people: pl.DataFrame, about: dict[str, Any]) -> Iterator[Row]:
    """Subjects with a first event over the time until it, and all events over all time."""
    level, n = c.declared.conf_level, people.height
    first = first_days(events, people)
    times = {
        "incidence rate": (int(first["had"].sum()), _years(first)),
        "event rate": (events.height, _years(people)),
    }
    for statistic, (number, years) in times.items():
        found = poisson_rate(number if years else 0, years, level, per=100, subjects=n)
        yield estimate_row(replace(found, statistic=statistic), **{**about, "unit": PER})


def _differences(c: _Counted, condition: pl.Expr, about: dict[str, Any]) -> Iterator[Row]:
    """Each arm against the reference: an interval, no p; as the arms are, without adjustment."""
    with_events = {
        arm: (events.filter(condition)["subject"].n_unique(), people.height)
        for arm in c.protocol_arms
        for events, people in (c.arm(arm),)
    }
    reason = "events of the procedure are left out; not adjusted" if c.without_procedure else "not adjusted"
    for arm in c.protocol_arms:
        if arm == c.reference:
            continue
        found = risk_difference(
            *with_events[arm], *with_events[c.reference], "miettinen-nurminen", c.declared.conf_level
        )
        fixed = {
            **about,
            "target": "everyone",
            "arm": arm,
            "versus": c.reference,
            "unit": "proportion",
            "p": None,
        }
        yield estimate_row(found, **{**fixed, "reason": found.reason or reason})


def _terms(c: _Counted, column: str, category: str) -> Iterator[Row]:
    """Each term (or body system) that anybody had, the most frequent first: subjects, events, risk, by arm."""
    events = c.found.events.with_columns(pl.col(column).fill_null(UNNAMED))
    order = (
        events.group_by(column)
        .agg(pl.col("subject").n_unique().alias("n"))
        .sort(["n", column], descending=[True, False])
    )
    for term in order[column]:
        for arm in c.protocol_arms:
            _, people = c.arm(arm)
            mine = events.filter((pl.col("arm") == arm) & (pl.col(column) == term))
            about = {**c.about, "arm": arm, "category": category, "item": term, "label": term}
            yield from _counts(c, mine, people, about)


def _serious(c: _Counted) -> Iterator[Row]:
    """Every serious event, those that are alike in all that is said counted together: no row is a subject's."""
    if c.declared.serious is None:
        return
    events = c.found.events.filter(pl.col("serious").fill_null(False))
    said = [
        (r["arm"], r["term"], _facts(c.declared, r), month_of(r["day"]))
        for r in events.sort("arm", "day", "term", maintain_order=True).iter_rows(named=True)
    ]
    for arm, term, facts, month in dict.fromkeys(said):
        yield row(
            "serious events", said.count((arm, term, facts, month)), arm=arm, item=term, category=facts,
            at=None if month is None else float(month), unit="events", label=term, **c.about,
        )  # fmt: skip


def _facts(declared: Safety, event: dict[str, Any]) -> str:
    """Grade, relation and outcome of an event, in the words of the protocol: `grade 3 (severe); related; recovered`."""
    grade = event["grade"]
    parts = []
    if declared.grade:
        parts.append(f"grade {grade} ({GRADES[grade]})" if grade else "grade not recorded")
    if declared.procedure_related and event["procedure_related"]:
        parts.append("related to the procedure")
    elif declared.related:
        parts.append("related" if event["related"] else "not related")
    if declared.outcome:
        parts.append(event["outcome"] or "outcome not recorded")
    return "; ".join(parts) or "no more recorded"
