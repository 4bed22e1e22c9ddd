"""Scores -> endpoints: one tidy row a subject, visit and endpoint.

A response is decided in fractions, not floats: at exactly 30 % `follow_up <= 0.7 * baseline` fails in binary
arithmetic (10 to 7 on a nine-item ODI), and a threshold of 10 points must hold at exactly 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache

import polars as pl

from armwise.derive.reasons import ANOTHER
from armwise.protocol.model import Endpoint, Improvement, Protocol
from armwise.protocol.scores import Score
from armwise.study.tables import FILE, LINE

#: Columns of the frame of endpoints.
COLUMNS = (
    *("subject", "arm", "visit", "date", "endpoint", "baseline", "value", "change", "percent_change"),
    *("outcome", "missing", "has_baseline", "impossible", FILE, LINE),
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
        `subject, arm, visit, date, endpoint, baseline, value, change, percent_change` (of the size of the baseline: its
        sign is the change's)`, outcome` (what is compared: a number, or 1 and 0)`, missing` (why there is no outcome)`,
        has_baseline` (what the endpoint measures a change from is known)`, impossible` (a response cannot happen from
        this baseline)`, _file, _row`.
    """
    made: dict[str, pl.DataFrame] = {}
    for name, endpoint in protocol.endpoints.items():
        if endpoint.score:
            made[name] = _single(protocol, name, endpoint, frame, subjects, catalogue[endpoint.score])
    for name, endpoint in protocol.endpoints.items():
        if endpoint.of:
            made[name] = _composite(name, endpoint, {part: made[part] for part in endpoint.of})
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
    before = mine.filter(pl.col("visit") == protocol.baseline).select("subject", baseline="value")
    visits = pl.DataFrame({"visit": list(protocol.visits_after_baseline())}, schema={"visit": pl.String})
    recorded = mine.select("subject", "visit", "date", "value", "answered", "status", "reason", FILE, LINE)
    change = pl.col("value") - pl.col("baseline")
    rows = (
        subjects.select("subject", "arm")
        .join(visits, how="cross", maintain_order="left_right")
        .join(recorded, on=["subject", "visit"], how="left", maintain_order="left")
        .join(before, on="subject", how="left", maintain_order="left")
        .with_columns(
            pl.lit(name).alias("endpoint"),
            change.alias("change"),
            pl.when(pl.col("baseline") != 0)
            .then(100 * change / pl.col("baseline").abs())
            .alias("percent_change"),
        )
    )
    known = pl.col("baseline").is_not_null()
    if endpoint.kind == "state":
        outcome, known = _states(rows, endpoint), pl.lit(False)  # measured from no baseline
        impossible = pl.Series("impossible", [False] * rows.height, dtype=pl.Boolean)
    elif endpoint.improvement is None:
        wanted = {"value": "value", "change": "change", "percent-change": "percent_change"}
        outcome = rows[wanted[endpoint.kind]].alias("outcome")
        impossible = pl.Series("impossible", [False] * rows.height, dtype=pl.Boolean)
        if endpoint.kind == "percent-change":
            known = (pl.col("baseline") != 0).fill_null(False)
    else:
        outcome, impossible = _responses(rows, endpoint.improvement, score)
    return rows.with_columns(outcome, impossible, known.alias("has_baseline")).with_columns(
        _why_missing(protocol)
    )


def _why_missing(protocol: Protocol) -> pl.Expr:
    """Why there is no outcome; a form that was not filled in has its recorded reason, where that may be shown."""
    reason = pl.col("reason")
    blank = (
        pl.when(reason.is_in(list(protocol.reasons)))
        .then(reason)
        .when(reason.is_not_null())
        .then(pl.lit(ANOTHER))
        .otherwise(pl.lit("not done"))
    )
    return (
        pl.when(pl.col("outcome").is_not_null())
        .then(None)
        .when(pl.col("value").is_null() & pl.col(LINE).is_null())
        .then(pl.lit("not recorded"))
        .when(pl.col("value").is_null() & ~pl.col("answered"))
        .then(blank)
        .when(pl.col("value").is_null())
        .then(pl.col("status"))
        .when(pl.col("baseline").is_null())
        .then(pl.lit("no baseline"))
        .otherwise(pl.lit("baseline is 0"))
        .alias("missing")
    )


def _states(rows: pl.DataFrame, endpoint: Endpoint) -> pl.Series:
    """1 where the value at the visit is on the declared side of the limit, the limit itself included."""
    low, high = (None if x is None else exact(x) for x in (endpoint.at_least, endpoint.at_most))
    reached = [
        None if v is None else float((low is None or exact(v) >= low) and (high is None or exact(v) <= high))
        for v in rows["value"]
    ]
    return pl.Series("outcome", reached, dtype=pl.Float64)


def _responses(rows: pl.DataFrame, improvement: Improvement, score: Score) -> tuple[pl.Series, pl.Series]:
    """Whether each row responds, and whether it cannot: decided once for each pair of scores and each baseline."""
    up = bool(score.higher_is_better)
    pairs = list(zip(rows["baseline"], rows["value"], strict=True))
    decided = {
        (b, v): None if b is None or v is None else float(responds(b, v, improvement, up))
        for b, v in set(pairs)
    }
    never = {b: b is not None and not can_respond(b, improvement, score) for b in {b for b, _ in pairs}}
    return (
        pl.Series("outcome", [decided[pair] for pair in pairs], dtype=pl.Float64),
        pl.Series("impossible", [never[b] for b, _ in pairs], dtype=pl.Boolean),
    )


def _composite(name: str, endpoint: Endpoint, parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Any or all of several responses.

    A missing component makes the composite missing, also when the others would decide it: deriving it from what was
    observed is biased even when components are missing at random (Pham and others 2021, doi 10.1002/sim.9203).
    `missing_component: observed` is the declared exception: any or all of those components that were observed.
    A composite that is missing names the component, and points to that component's record.
    """
    first = next(iter(parts.values()))
    wide = pl.DataFrame(
        [part[c].alias(f"{c}:{key}") for key, part in parts.items() for c in (*_PARTS, FILE, LINE)]
    )

    def each(column: str) -> list[pl.Expr]:
        return [pl.col(f"{column}:{key}") for key in parts]

    any_or_all = pl.max_horizontal if endpoint.kind == "any" else pl.min_horizontal
    complete = pl.all_horizontal(c.is_not_null() for c in each("outcome"))
    if endpoint.missing_component == "observed":
        complete = pl.lit(True)
    blocked = pl.all_horizontal if endpoint.kind == "any" else pl.any_horizontal
    made = wide.select(
        pl.max_horizontal(each("date")).alias("date"),
        pl.when(complete).then(any_or_all(each("outcome"))).alias("outcome"),
        _of_first_missing(parts, lambda key: pl.concat_str(pl.lit(f"{key} "), f"missing:{key}")).alias(
            "missing"
        ),
        pl.all_horizontal(each("has_baseline")).alias("has_baseline"),
        blocked(each("impossible")).alias("impossible"),
        _of_first_missing(parts, lambda key: pl.col(f"{FILE}:{key}")).alias(FILE),
        _of_first_missing(parts, lambda key: pl.col(f"{LINE}:{key}")).alias(LINE),
        *[pl.lit(None, dtype=pl.Float64).alias(c) for c in ("baseline", "value", "change", "percent_change")],
    )
    missing = pl.when(pl.col("outcome").is_null()).then(pl.col("missing"))
    return first.select("subject", "arm", "visit", pl.lit(name).alias("endpoint")).hstack(
        made.with_columns(missing.alias("missing"))
    )


_PARTS = ("date", "outcome", "missing", "has_baseline", "impossible")


def _of_first_missing(parts: Mapping[str, pl.DataFrame], what: Callable[[str], pl.Expr]) -> pl.Expr:
    """Something of the first component without an outcome; of the first component where all have one."""
    found = what(next(iter(parts)))
    for key in reversed(list(parts)):
        found = pl.when(pl.col(f"outcome:{key}").is_null()).then(what(key)).otherwise(found)
    return found
