"""Who took part: from screening to the primary analysis, and which questionnaires came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import polars as pl

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.study.study import Study

#: The event that ends a subject's participation.
OFF_STUDY = "off_study"


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
        for reason, number in _counted(others["reason"]):
            yield count("not enrolled", number, item=reason)
    yield count("enrolled", derived.subjects.height)
    gone = off_study(derived)
    for arm in protocol.arms:
        mine = derived.subjects.filter(pl.col("arm") == arm)
        yield count("allocated", mine.height, arm=arm)
        yield count("treated", mine.height - mine["time_zero"].null_count(), arm=arm)
        left = gone.filter(pl.col("arm") == arm)
        for visit in protocol.visits_after_baseline():
            for reason, number in _counted(left.filter(pl.col("visit") == visit)["reason"]):
                yield count("off study", number, arm=arm, visit=visit, item=reason)
        for visit in protocol.visits:
            yield count("assessed", _assessed(derived, arm, visit), arm=arm, visit=visit)
        yield count("analysed", analysed.get(arm, 0), arm=arm)


def off_study(derived: Derived) -> pl.DataFrame:
    """`subject, arm, visit, reason` of those who left: the visit is the first one planned after they did."""
    events = derived.study.tables.get("events")
    schema = {"subject": pl.String, "arm": pl.String, "visit": pl.String, "reason": pl.String}
    if events is None:
        return pl.DataFrame(schema=schema)
    left = events.filter(pl.col("event").str.replace_all("-", "_") == OFF_STUDY)
    left = left.sort("date", maintain_order=True).unique("subject", keep="first", maintain_order=True)
    left = left.join(derived.subjects.select("subject", "arm", "time_zero"), on="subject", how="inner")
    day = (pl.col("date") - pl.col("time_zero")).dt.total_days()
    visit = pl.lit(None, dtype=pl.String)
    for name, planned in reversed(derived.study.protocol.visits.items()):
        visit = pl.when(day < planned.day).then(pl.lit(name)).otherwise(visit)
    return left.select(
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
    here = derived.scores.filter((pl.col("arm") == arm) & (pl.col("visit") == visit) & pl.col("answered"))
    return here["subject"].n_unique()


def completion(derived: Derived) -> Iterator[Row]:
    """Questionnaires expected, received and scored by form, visit and arm; and why the others are missing."""
    study = derived.study
    protocol = study.protocol
    gone = off_study(derived)
    for name in derived.scores["form"].unique(maintain_order=True):
        form = protocol.forms[name]
        mine = derived.scores.filter(pl.col("form") == name)
        visits = form.at if isinstance(form.at, tuple) else tuple(protocol.visits)
        for visit, arm in product(visits, protocol.arms):
            if form.arms and arm not in form.arms:
                continue
            people = derived.subjects.filter(pl.col("arm") == arm)["subject"]
            here = mine.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))
            received = here.filter("answered")["subject"].unique()
            scored = here.filter(pl.col("value").is_not_null())["subject"].n_unique()
            about = {
                "analysis": "completion",
                "role": "descriptive",
                "item": name,
                "visit": visit,
                "arm": arm,
            }
            about |= {"unit": "questionnaires", "label": form.label or name}
            for statistic, number in (
                ("expected", people.len()),
                ("received", received.len()),
                ("scored", scored),
            ):
                yield row(statistic, number, n=people.len(), **about)
            for reason, number in _why(study, people, here, gone, visit, received):
                yield row("missing", number, n=people.len(), category=reason, **about)


def _why(
    study: Study, people: pl.Series, here: pl.DataFrame, gone: pl.DataFrame, visit: str, received: pl.Series
) -> list[tuple[str, int]]:
    visits = list(study.protocol.visits)
    left = gone.filter(pl.col("visit").is_in(visits[: visits.index(visit) + 1]))
    recorded = dict(here.filter(~pl.col("answered")).select("subject", "reason").iter_rows())
    departed = dict(left.select("subject", "reason").iter_rows())
    reasons = []
    for subject in people.filter(~people.is_in(received.to_list())):
        if subject in departed:
            reasons.append(f"left the study: {departed[subject]}")
        else:
            reasons.append(recorded.get(subject) or "not recorded")
    return _counted(pl.Series("reason", reasons, dtype=pl.String))
