"""What was observed, before anything is compared: scores and endpoints by visit and arm."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.stats import mean_interval, summary, wilson

_SUMMARY = ("sd", "median", "q1", "q3", "min", "max")


def describe(derived: Derived) -> Iterator[Row]:
    """Every score at every visit, and every endpoint at every visit after baseline, by arm."""
    protocol = derived.study.protocol
    observed = cells(derived.scores, "score", "value")
    for ref, score in derived.catalogue.items():
        for visit in protocol.visits:
            if not any((ref, visit, arm) in observed for arm in protocol.arms):
                continue
            for arm in protocol.arms:
                values = observed.get((ref, visit, arm), NOTHING)
                yield from _number(
                    values, endpoint=ref, visit=visit, arm=arm, unit=score.unit, label=score.label
                )
    outcomes = cells(derived.endpoints, "endpoint", "outcome")
    for name, endpoint in protocol.endpoints.items():
        unit = derived.unit_of(name)
        for visit, arm in product(protocol.visits_after_baseline(), protocol.arms):
            values = outcomes.get((name, visit, arm), NOTHING)
            about = {"endpoint": name, "visit": visit, "arm": arm, "label": endpoint.label or name}
            if endpoint.is_response:
                yield from _response(values, **about)
            else:
                yield from _number(values, unit=unit, **about)


#: The values of a cell without rows.
NOTHING = pl.Series(dtype=pl.Float64)


def cells(frame: pl.DataFrame, about: str, value: str) -> dict[tuple[str, str, str], pl.Series]:
    """(score or endpoint, visit, arm) -> its known values, for every cell that has a row."""
    parts = frame.select(about, "visit", "arm", value).partition_by(about, "visit", "arm", as_dict=True)
    return {(str(a), str(b), str(c)): part[value].drop_nulls() for (a, b, c), part in parts.items()}


def _number(values: pl.Series, **about: str) -> Iterator[Row]:
    fixed: dict[str, Any] = {"analysis": "describe", "role": "descriptive", **about}
    found = summary(values.to_numpy())
    yield row("n", found.n, n=found.n, **{**fixed, "unit": "subjects"})
    if found.n == 0:
        return
    yield mean_row(values.to_numpy(), **fixed)
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


def mean_row(values: NDArray[np.float64], conf_level: float = 0.95, **about: Any) -> Row:
    """A mean with its interval; where there is none (one subject, all alike) the mean itself is still known."""
    found = mean_interval(values, conf_level)
    if found.estimate is None and found.n:
        known = {**about, "method": found.method, "reason": found.reason}
        return row("mean", float(values.mean()), n=found.n, **known)
    return estimate_row(found, **(about if found.status == "ok" else {**about, "reason": found.reason}))


def distribution(derived: Derived) -> Iterator[Row]:
    """Cumulative share of each change endpoint: of the subjects with a change, those with `at` or better.

    The figure that regulators ask for beside a responder analysis: every threshold at once.
    """
    protocol = derived.study.protocol
    outcomes = cells(derived.endpoints, "endpoint", "outcome")
    for name, endpoint in protocol.endpoints.items():
        if endpoint.kind != "change" or not endpoint.score:
            continue
        score = derived.catalogue[endpoint.score]
        if score.higher_is_better is None or score.lo is None:
            continue  # better is not declared, or the scale has no ends
        for visit, arm in product(protocol.visits_after_baseline(), protocol.arms):
            # differences of decimals: 0.8 - 0.7 and 0.5 - 0.4 are one step of the curve
            values = outcomes.get((name, visit, arm), NOTHING).round(9)
            for at in values.unique().sort():
                better = (values >= at) if score.higher_is_better else (values <= at)
                yield row(
                    "cumulative share", int(better.sum()) / values.len(), n=values.len(), at=at,
                    analysis="distribution", role="descriptive", endpoint=name, visit=visit, arm=arm,
                    unit="proportion", label=endpoint.label or name,
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
                    "count", here.filter(fits).height, n=here.height, analysis="crosstab", role="descriptive",
                    endpoint=name, visit=visit, arm=arm, category=words, unit="subjects",
                    label=endpoint.label or name,
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
