"""Scores -> endpoints: one tidy row a subject, visit and endpoint.

A response is decided in fractions, not floats: at exactly 30 % `follow_up <= 0.7 * baseline` fails in binary
arithmetic (10 to 7 on a nine-item ODI), and a threshold of 10 points must hold at exactly 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

import polars as pl

from armwise.protocol.model import Endpoint, Improvement, Protocol
from armwise.protocol.scores import Score
from armwise.study.tables import FILE, LINE

#: Columns of the frame of endpoints.
COLUMNS = (
    *("subject", "arm", "visit", "endpoint", "baseline", "value", "change", "percent_change"),
    *("outcome", "missing", "impossible", FILE, LINE),
)


@lru_cache(maxsize=65536)
def exact(value: float) -> Fraction:
    """The fraction that a score is: scores are ratios of small whole numbers, or decimals of a few places.

    The nearest fraction with a denominator of at most 100,000 to the float: two different scores of an instrument
    lie much further apart than the float's rounding.
    """
    return Fraction(value).limit_denominator(100_000)


def responds(baseline: float, value: float, improvement: Improvement, higher_is_better: bool) -> bool:
    """Whether a change from baseline is an improvement of the declared size.

    Args:
        baseline, value: the score before and after.
        improvement: points, or a share of the baseline, with its operator.
        higher_is_better: the score's direction.
    """
    gained = exact(value) - exact(baseline)
    gained = gained if higher_is_better else -gained
    needed = improvement.exact * abs(exact(baseline)) if improvement.percent else improvement.exact
    if improvement.percent and baseline == 0:
        return False  # a share of nothing is no improvement; the row says that it is impossible
    return gained > needed if improvement.strict else gained >= needed


def can_respond(baseline: float, improvement: Improvement, score: Score) -> bool:
    """Whether the best possible value would be a response from this baseline."""
    best = score.hi if score.higher_is_better else score.lo
    if improvement.percent and baseline == 0:
        return False
    return best is None or responds(baseline, best, improvement, bool(score.higher_is_better))


def endpoints(
    protocol: Protocol, frame: pl.DataFrame, subjects: pl.DataFrame, catalogue: Mapping[str, Score]
) -> pl.DataFrame:
    """Every endpoint of the protocol for every enrolled subject and visit after baseline.

    Args:
        protocol: the protocol.
        frame: scores, as `armwise.derive.scores.scores` gives them.
        subjects: `subject, arm` of everyone enrolled.
        catalogue: the scores' ranges and directions.

    Returns:
        `subject, arm, visit, endpoint, baseline, value, change, percent_change, outcome` (what is compared: a number, or
        1 and 0)`, missing` (why there is no outcome)`, impossible` (a response cannot happen from this baseline)`, _file, _row`.
    """
    made: dict[str, pl.DataFrame] = {}
    for name, endpoint in protocol.endpoints.items():
        if endpoint.score:
            made[name] = _single(protocol, name, endpoint, frame, subjects, catalogue[endpoint.score])
    for name, endpoint in protocol.endpoints.items():
        if endpoint.of:
            made[name] = _composite(name, endpoint, [made[part] for part in endpoint.of])
    return pl.concat([made[name].select(COLUMNS) for name in protocol.endpoints])


def _single(
    protocol: Protocol,
    name: str,
    endpoint: Endpoint,
    frame: pl.DataFrame,
    subjects: pl.DataFrame,
    score: Score,
) -> pl.DataFrame:
    mine = frame.filter(pl.col("score") == score.ref)
    before = mine.filter(pl.col("visit") == protocol.baseline).select(
        "subject", pl.col("value").alias("baseline")
    )
    grid = subjects.select("subject", "arm").join(
        pl.DataFrame({"visit": list(protocol.visits_after_baseline())}),
        how="cross",
        maintain_order="left_right",
    )
    rows = (
        grid.join(
            mine.select("subject", "visit", "value", "status", FILE, LINE),
            on=["subject", "visit"],
            how="left",
            maintain_order="left",
        )
        .join(before, on="subject", how="left", maintain_order="left")
        .with_columns(
            pl.lit(name).alias("endpoint"),
            (pl.col("value") - pl.col("baseline")).alias("change"),
            pl.when(pl.col("baseline") != 0)
            .then(100 * (pl.col("value") - pl.col("baseline")) / pl.col("baseline"))
            .alias("percent_change"),
        )
    )
    wanted = {"value": "value", "change": "change", "percent-change": "percent_change"}
    if endpoint.improvement is None:
        outcome, impossible = (
            rows[wanted[endpoint.kind]].alias("outcome"),
            pl.Series("impossible", [False] * rows.height),
        )
    else:
        outcome, impossible = _responses(rows, endpoint.improvement, score)
    missing = (
        pl.when(outcome.is_not_null())
        .then(None)
        .when(pl.col("value").is_null() & pl.col(LINE).is_null())
        .then(pl.lit("not recorded"))
        .when(pl.col("value").is_null())
        .then(pl.col("status"))
        .when(pl.col("baseline").is_null() & pl.lit(endpoint.kind != "value"))
        .then(pl.lit("no baseline"))
        .otherwise(pl.lit("baseline is 0"))
    )
    return rows.with_columns(outcome, impossible).with_columns(missing.alias("missing"))


def _responses(rows: pl.DataFrame, improvement: Improvement, score: Score) -> tuple[pl.Series, pl.Series]:
    up = bool(score.higher_is_better)
    outcome = [
        None if b is None or v is None else float(responds(b, v, improvement, up))
        for b, v in zip(rows["baseline"], rows["value"], strict=True)
    ]
    impossible = [b is not None and not can_respond(b, improvement, score) for b in rows["baseline"]]
    return pl.Series("outcome", outcome, dtype=pl.Float64), pl.Series(
        "impossible", impossible, dtype=pl.Boolean
    )


def _composite(name: str, endpoint: Endpoint, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Any or all of several responses.

    A missing component makes the composite missing, also when the others would decide it: deriving it from what was
    observed is biased even when components are missing at random (Pham and others 2021, doi 10.1002/sim.9203).
    `missing_component: observed` is the declared exception.
    """
    first = parts[0]
    outcomes = [part["outcome"] for part in parts]
    wide = pl.DataFrame({f"c{i}": o for i, o in enumerate(outcomes)})
    combined = pl.max_horizontal(pl.all()) if endpoint.kind == "any" else pl.min_horizontal(pl.all())
    complete = (
        pl.all_horizontal(pl.all().is_not_null()) if endpoint.missing_component == "missing" else pl.lit(True)
    )
    outcome = wide.select(pl.when(complete).then(combined).alias("outcome"))["outcome"]
    reasons = pl.DataFrame({f"c{i}": part["missing"] for i, part in enumerate(parts)})
    missing = reasons.select(pl.coalesce(pl.all()).alias("missing"))["missing"]
    missing = missing.set(outcome.is_not_null(), None)
    impossible = pl.DataFrame({f"c{i}": part["impossible"] for i, part in enumerate(parts)})
    blocked = pl.all_horizontal(pl.all()) if endpoint.kind == "any" else pl.any_horizontal(pl.all())
    return first.with_columns(
        pl.lit(name).alias("endpoint"), outcome, missing, impossible.select(blocked.alias("impossible"))["impossible"],
        *[pl.lit(None, dtype=pl.Float64).alias(c) for c in ("baseline", "value", "change", "percent_change")],
    )  # fmt: skip
