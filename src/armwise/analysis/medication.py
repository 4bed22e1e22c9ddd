"""Opioids at each visit: who takes any, how much those take who do, who began and who stopped since baseline.

Nothing is compared here: the doses of those who take opioids at a visit are of groups that were selected after
treatment began. What compares the arms is declared among the protocol's analyses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import polars as pl

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.derive.medication import attended
from armwise.instruments.morphine_equivalents import VERSIONS
from armwise.protocol.medication import DOSE, NUMBER
from armwise.stats import Estimate, summary, wilson

#: What the rows of those who take opioids at a visit say of themselves.
SELECTED = "of those who take opioids at this visit: groups selected after treatment began, not compared"
#: What a count says of itself where the list of drugs or of care is not declared complete.
AT_LEAST = "at least so many: without a complete list nobody is known to have had none"
_SUMMARY = ("mean", "sd", "median", "q1", "q3", "min", "max")
#: Use at baseline, use at the visit -> the category of a patient's course.
COURSES = {
    (True, True): "still taking",
    (True, False): "stopped",
    (False, True): "started",
    (False, False): "none at either",
}


def medication(derived: Derived) -> Iterator[Row]:
    """Any use, doses of users, cut points, unknown doses and changes of use since baseline, by visit and arm."""
    protocol = derived.study.protocol
    declared = protocol.medication
    if declared is None or declared.form not in derived.study.tables:
        return
    people = _people(derived)
    by = f"{VERSIONS[declared.factors]} factors"
    for visit, arm in product(protocol.visits, protocol.arms):
        here = people.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))
        about: dict[str, Any] = {"analysis": "medication", "role": "descriptive", "visit": visit, "arm": arm}
        yield from _use(here, about, declared.complete)
        yield from _doses(here, {**about, "method": by}, declared.cut_points, declared.complete)
        if visit != protocol.baseline and declared.complete:
            yield from _courses(people, here, protocol.baseline, about)


def _people(derived: Derived) -> pl.DataFrame:
    """`subject, arm, visit, dose, status, number` of every attended visit."""
    declared = derived.study.protocol.medication
    form = declared.form if declared else ""
    scores = derived.scores
    dose = scores.filter(pl.col("score") == f"{form}.{DOSE}")
    number = scores.filter(pl.col("score") == f"{form}.{NUMBER}")
    came = attended(derived.study.protocol, scores, derived.study.tables).select("subject", "arm", "visit")
    return came.join(
        dose.select("subject", "visit", "status", dose="value"), on=["subject", "visit"], how="left"
    ).join(number.select("subject", "visit", number="value"), on=["subject", "visit"], how="left")


def _use(here: pl.DataFrame, about: dict[str, Any], complete: bool) -> Iterator[Row]:
    """Who takes any opioid, of those who came and for whom it is known."""
    known = here["number"].drop_nulls()
    users = int((known > 0).sum())
    fixed = {**about, "item": "any opioid", "label": "Any opioid"}
    n, reason = (known.len(), None) if complete else (None, AT_LEAST)
    yield row("count", users, n=n, unit="subjects", reason=reason, **fixed)
    yield row("missing", here.height - known.len(), n=here.height, unit="subjects", **fixed)
    if known.len():
        found = wilson(users, known.len())
        if not complete:
            found = Estimate.not_estimable(
                found.statistic, found.method, AT_LEAST, conf_level=found.conf_level, n=here.height
            )
        yield estimate_row(found, unit="proportion", **fixed)


def _doses(
    here: pl.DataFrame, about: dict[str, Any], cut_points: tuple[float, ...], complete: bool
) -> Iterator[Row]:
    """The doses of those with one above 0, how many reach each cut point, and why others have none."""
    users = here.filter((pl.col("number") > 0).fill_null(False))
    doses = users["dose"].drop_nulls()
    fixed = {**about, "item": "dose of users", "label": "Opioid dose of those who take any"}
    yield row("n", doses.len(), n=doses.len(), unit="subjects", **fixed)
    if doses.len():
        found = summary(doses.to_numpy())
        for name in _SUMMARY:
            value = getattr(found, name)
            if value is not None:
                yield row(name, value, n=doses.len(), unit="MME/day", reason=SELECTED, **fixed)
    known = here["dose"].drop_nulls()
    for at in cut_points:
        reached = int((known >= at).sum())
        n, reason = (known.len(), None) if complete else (None, AT_LEAST)
        label = f"{at:g} MME/day or more"
        yield row(
            "count", reached, n=n, at=float(at), unit="subjects", reason=reason,
            **{**about, "item": "dose at or above", "label": label},
        )  # fmt: skip
    gaps = users.filter(pl.col("dose").is_null())["status"]
    for why in gaps.unique().sort():
        yield row(
            "missing", int((gaps == why).sum()), n=users.height, category=why, unit="subjects",
            **{**about, "item": "dose of users", "label": "Opioid dose not known"},
        )  # fmt: skip


def _courses(people: pl.DataFrame, here: pl.DataFrame, baseline: str, about: dict[str, Any]) -> Iterator[Row]:
    """Use at the visit against use at baseline, of those for whom both are known."""
    first = people.filter(pl.col("visit") == baseline).select("subject", first="number")
    both = here.join(first, on="subject", how="inner").drop_nulls(["number", "first"])
    for (before, now), category in COURSES.items():
        fits = both.filter(((pl.col("first") > 0) == before) & ((pl.col("number") > 0) == now))
        yield row(
            "count", fits.height, n=both.height, item="use since baseline", category=category, unit="subjects",
            label="Opioid use since baseline", **about,
        )  # fmt: skip
