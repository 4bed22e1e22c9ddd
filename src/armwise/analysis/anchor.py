"""The minimal important change of a score by the patients' own rating: all patients together, never arm against arm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from armwise.analysis.results import Row, estimate_row, row
from armwise.derive.derived import Derived
from armwise.derive.endpoints import exact
from armwise.protocol.model import Anchor
from armwise.stats import anchored_change
from armwise.stats.anchor import ADJUSTED, MIC, PREDICTIVE, ROC

#: How the row begins that says which arms alone rated their change.
ONLY = "nobody rated it but in the arm"
#: What no comparison of this study may use, in the row's `reason`.
NOT_A_TEST = "from these patients: never a threshold that tests these arms"


def anchor(derived: Derived) -> Iterator[Row]:
    """Every anchor: correlation with the change, share improved, the change that matters by three methods."""
    for name, declared in derived.study.protocol.anchors.items():
        yield from _anchored(derived, name, declared)


def _anchored(derived: Derived, name: str, declared: Anchor) -> Iterator[Row]:
    frame = _rated(derived, declared)
    higher = derived.catalogue[declared.score].higher_is_better is not False
    best = derived.catalogue[declared.rating].higher_is_better is not False
    about: dict[str, Any] = {
        "analysis": "anchor", "role": "exploratory", "endpoint": declared.score, "visit": declared.at,
        "item": name, "label": declared.label or name,
    }  # fmt: skip
    if not frame.height:
        empty = {"status": "not estimable", "reason": "nobody has a rating, a score then and one at baseline"}
        for method in (ADJUSTED, PREDICTIVE, ROC):
            yield row(MIC, None, n=0, method=method, **empty, **about)
        return
    gain = [
        float((exact(v) - exact(b)) * (1 if higher else -1))
        for v, b in zip(frame["value"], frame["baseline"], strict=True)
    ]
    rating = frame["rating"].to_numpy() * (1 if best else -1)
    improved = frame["rating"].is_in([float(v) for v in declared.improved]).to_numpy()
    found = anchored_change(gain, rating, improved, seed=declared.seed, n_replicates=declared.replicates)
    yield row(
        "count", found.improved, n=found.n, category="improved by their own rating",
        reason=_one_arm(derived, frame), **about, unit="subjects",
    )  # fmt: skip
    why = "; ".join(w for w in (found.correlation.reason, *found.notes) if w)
    yield estimate_row(found.correlation, **{**about, "reason": why})
    yield estimate_row(found.point_biserial, **about)
    unit = derived.unit_of(declared.score)
    yield row("sd", found.sd, n=found.n, category="change", **about, unit=unit)
    for estimate in (found.adjusted, found.predictive, found.roc):
        drawn = found.failed if estimate is not found.roc else ""  # the cut of the ROC curve has no interval
        why = "; ".join(w for w in (estimate.reason, NOT_A_TEST, drawn) if w)
        yield estimate_row(estimate, **{**about, "unit": unit, "reason": why})


def _one_arm(derived: Derived, rated: pl.DataFrame) -> str | None:
    """Whose change it is, where not every arm rated any."""
    arms = derived.subjects.join(rated, on="subject", how="semi")["arm"].unique().to_list()
    if len(arms) == len(derived.study.protocol.arms):
        return None
    return f"{ONLY} {', '.join(a for a in derived.study.protocol.arms if a in arms)}"


def _rated(derived: Derived, declared: Anchor) -> pl.DataFrame:
    """`subject, baseline, value, rating` of those who have all three."""
    protocol, scores = derived.study.protocol, derived.scores

    def of(ref: str, visit: str, column: str) -> pl.DataFrame:
        mine = scores.filter((pl.col("score") == ref) & (pl.col("visit") == visit))
        return mine.select("subject", pl.col("value").alias(column)).drop_nulls()

    rated = of(declared.rating, declared.at, "rating")
    after = of(declared.score, declared.at, "value")
    before = of(declared.score, protocol.baseline, "baseline")
    return rated.join(after, on="subject").join(before, on="subject").sort("subject")
