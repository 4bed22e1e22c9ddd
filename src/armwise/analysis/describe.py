"""What was observed, before anything is compared: scores and endpoints by visit and arm."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import polars as pl

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.stats import mean_interval, summary, wilson

_SUMMARY = ("sd", "median", "q1", "q3", "min", "max")


def describe(derived: Derived) -> Iterator[Row]:
    """Every score at every visit, and every endpoint at every visit after baseline, by arm."""
    protocol = derived.study.protocol
    for ref, score in derived.catalogue.items():
        mine = derived.scores.filter(pl.col("score") == ref)
        for visit, arm in product(protocol.visits, protocol.arms):
            values = mine.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))["value"].drop_nulls()
            if mine.filter(pl.col("visit") == visit).height:
                yield from _number(
                    values, endpoint=ref, visit=visit, arm=arm, unit=score.unit, label=score.label
                )
    for name, endpoint in protocol.endpoints.items():
        mine = derived.endpoints.filter(pl.col("endpoint") == name)
        unit = unit_of(derived, name)
        for visit, arm in product(protocol.visits_after_baseline(), protocol.arms):
            values = mine.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))["outcome"].drop_nulls()
            about = {"endpoint": name, "visit": visit, "arm": arm, "label": endpoint.label or name}
            if endpoint.is_response:
                yield from _response(values, **about)
            else:
                yield from _number(values, unit=unit, **about)


def unit_of(derived: Derived, endpoint: str) -> str:
    """The unit of an endpoint's outcome: that of its score, `%` for a per cent change, `proportion` for a response."""
    declared = derived.study.protocol.endpoints[endpoint]
    if declared.is_response:
        return "proportion"
    return "%" if declared.kind == "percent-change" else derived.catalogue[declared.score or ""].unit


def _number(values: pl.Series, **about: str) -> Iterator[Row]:
    fixed = {"analysis": "describe", "role": "descriptive", **about}
    found = summary(values.to_numpy())
    yield row("n", found.n, n=found.n, **{**fixed, "unit": "subjects"})
    if found.n == 0:
        return
    yield estimate_row(mean_interval(values.to_numpy()), **fixed)
    for name in _SUMMARY:
        value = getattr(found, name)
        if value is not None:
            yield row(name, value, n=found.n, **fixed)


def _response(values: pl.Series, **about: str) -> Iterator[Row]:
    fixed = {"analysis": "describe", "role": "descriptive", **about}
    responders, n = int(values.sum()), values.len()
    yield row("responders", responders, n=n, unit="subjects", **fixed)
    if n:
        yield estimate_row(wilson(responders, n), unit="proportion", **fixed)


def distribution(derived: Derived) -> Iterator[Row]:
    """Cumulative share of each change endpoint: of the subjects with a change, those with `at` or better.

    The figure that regulators ask for beside a responder analysis: every threshold at once.
    """
    protocol = derived.study.protocol
    for name, endpoint in protocol.endpoints.items():
        if endpoint.kind != "change" or not endpoint.score:
            continue
        score = derived.catalogue[endpoint.score]
        if (
            score.higher_is_better is None or score.lo is None
        ):  # better is not declared, or the scale has no ends
            continue
        mine = derived.endpoints.filter((pl.col("endpoint") == name) & pl.col("outcome").is_not_null())
        for visit, arm in product(protocol.visits_after_baseline(), protocol.arms):
            values = mine.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))["outcome"]
            values = values.round(9)  # differences of decimals: 0.8 - 0.7 and 0.5 - 0.4 are one step of the curve
            for at in values.unique().sort():
                better = (values >= at) if score.higher_is_better else (values <= at)
                yield row(
                    "cumulative share", int(better.sum()) / values.len(), n=values.len(), at=at, analysis="distribution",
                    role="descriptive", endpoint=name, visit=visit, arm=arm, unit="proportion", label=endpoint.label or name,
                )  # fmt: skip


def crosstab(derived: Derived) -> Iterator[Row]:
    """An any/all endpoint's components against each other, by arm, among those with every component."""
    protocol = derived.study.protocol
    for name, endpoint in protocol.endpoints.items():
        if not endpoint.of:
            continue
        parts = derived.endpoints.filter(pl.col("endpoint").is_in(endpoint.of))
        wide = parts.pivot("endpoint", index=["subject", "arm", "visit"], values="outcome").drop_nulls(
            list(endpoint.of)
        )
        for visit, arm in product(protocol.visits_after_baseline(), protocol.arms):
            here = wide.filter((pl.col("visit") == visit) & (pl.col("arm") == arm))
            for answers in product((1.0, 0.0), repeat=len(endpoint.of)):
                fits = pl.all_horizontal(
                    [pl.col(part) == value for part, value in zip(endpoint.of, answers, strict=True)]
                )
                words = ", ".join(
                    f"{part} {'yes' if value else 'no'}"
                    for part, value in zip(endpoint.of, answers, strict=True)
                )
                yield row(
                    "count", here.filter(fits).height, n=here.height, analysis="crosstab", role="descriptive", endpoint=name,
                    visit=visit, arm=arm, category=words, unit="subjects", label=endpoint.label or name,
                )  # fmt: skip


def impossible(derived: Derived) -> Iterator[Row]:
    """How many subjects are too well at baseline to respond at all."""
    protocol = derived.study.protocol
    first = protocol.visits_after_baseline()[0]
    for name, endpoint in protocol.endpoints.items():
        if not endpoint.is_response:
            continue
        mine = derived.endpoints.filter((pl.col("endpoint") == name) & (pl.col("visit") == first))
        for arm in protocol.arms:
            here = mine.filter(pl.col("arm") == arm)
            yield row(
                "count", int(here["impossible"].sum()), n=here.height, analysis="impossible", role="descriptive",
                endpoint=name, arm=arm, unit="subjects", label=endpoint.label or name,
            )  # fmt: skip
