"""A study, derived: time zero, scores, endpoints and covariates of everyone enrolled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from armwise.derive.adverse_events import AdverseEvents, adverse_events
from armwise.derive.covariates import covariates, late_covariates
from armwise.derive.endpoints import endpoints
from armwise.derive.medication import opioid_doses
from armwise.derive.scores import scores
from armwise.errors import Problem
from armwise.protocol.scores import Score, scores_of
from armwise.study.study import Study
from armwise.study.tables import FILE, LINE
from armwise.study.timing import time_zero
from armwise.yaml_lines import nearest

if TYPE_CHECKING:
    from armwise.stats.imputation.chained import Imputed


@dataclass(frozen=True)
class Derived:
    """What analyses start from; every frame has `subject` and `arm`.

    Attributes:
        study: the study.
        catalogue: the scores by name.
        subjects: `subject, arm, time_zero, _file, _row` of everyone enrolled.
        scores: one row a subject, visit and score.
        endpoints: one row a subject, visit and endpoint.
        covariates: one row a subject.
        left_out: records that no visit uses.
        problems: what was found while deriving.
        adverse_events: what happened to whom; None where the protocol declares no `safety`.
        draws: missing values drawn so far, by everything that they follow from: no run draws the same ones twice.
    """

    study: Study
    catalogue: Mapping[str, Score]
    subjects: pl.DataFrame
    scores: pl.DataFrame
    endpoints: pl.DataFrame
    covariates: pl.DataFrame
    left_out: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...]
    adverse_events: AdverseEvents | None = None
    draws: dict[tuple[object, ...], Imputed] = field(default_factory=dict, repr=False, compare=False)

    def unit_of(self, name: str) -> str:
        """The unit of an endpoint's outcome or a score: `per cent` of a percent-change, `proportion` of a response."""
        if name in self.catalogue:
            return self.catalogue[name].unit
        declared = self.study.protocol.endpoints[name]
        if declared.is_response:
            return "proportion"
        return "per cent" if declared.kind == "percent-change" else self.catalogue[declared.score or ""].unit


def derive(study: Study) -> Derived:
    """Derives a validated study.

    Args:
        study: a study without errors.
    """
    protocol = study.protocol
    catalogue = scores_of(protocol, study.folder)
    subjects = time_zero(protocol, study.tables)
    found = scores(protocol, study.tables, subjects, catalogue, study.folder)
    doses = opioid_doses(protocol, study.tables, found.frame)
    found = replace(found, frame=pl.concat([found.frame, doses]))
    harm = adverse_events(protocol, study.tables, subjects)
    return Derived(
        study=study,
        catalogue=catalogue,
        subjects=subjects,
        scores=found.frame,
        endpoints=endpoints(protocol, found.frame, subjects, catalogue),
        covariates=covariates(protocol, study.tables, found.frame, subjects),
        left_out=found.left_out,
        problems=(
            *found.problems,
            *_no_baseline(study, found.frame, subjects),
            *_events(study),
            *late_covariates(protocol, study.tables, subjects),
            *(harm.problems if harm else ()),
        ),
        adverse_events=harm,
    )


def _no_baseline(study: Study, frame: pl.DataFrame, subjects: pl.DataFrame) -> list[Problem]:
    """A score without a baseline is a problem, not a reason to take a later visit."""
    protocol = study.protocol
    wanted = dict.fromkeys(
        e.score for e in protocol.endpoints.values() if e.score and e.kind not in ("value", "state")
    )
    problems = []
    for ref in wanted:
        has = frame.filter(
            (pl.col("score") == ref) & (pl.col("visit") == protocol.baseline) & pl.col("value").is_not_null()
        )
        for row in subjects.join(has, on="subject", how="anti", maintain_order="left").iter_rows(named=True):
            what = f"no scoreable record of {ref} on or before time zero: no change can be computed"
            problems.append(
                Problem("warning", row[FILE], row[LINE], ref, what, "enter the record if there is one")
            )
    return problems


def _events(study: Study) -> list[Problem]:
    """An event that no strategy can be applied to: it has no date, or the protocol does not know it."""
    protocol = study.protocol
    problems = []
    table = study.tables.get("events", pl.DataFrame(schema={"date": pl.Date, "event": pl.String}))
    wanted = {event for estimand in protocol.estimands.values() for event in estimand.events}
    for row in table.filter(pl.col("date").is_null() & pl.col("event").is_in(list(wanted))).iter_rows(
        named=True
    ):
        what = f"{row['event']} without a date: outcomes after it cannot be told from those before"
        problems.append(Problem("warning", row[FILE], row[LINE], "date", what, "fill in the date"))
    if not protocol.events:
        return problems
    for row in table.filter(~pl.col("event").is_in(list(protocol.events))).iter_rows(named=True):
        what = f"the event `{row['event']}` is not in the protocol: no strategy is applied to it"
        todo = nearest(row["event"], protocol.events)
        problems.append(Problem("warning", row[FILE], row[LINE], "event", what, todo))
    return problems
