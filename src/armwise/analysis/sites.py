"""Sites of a study that was not randomised: which carry a comparison, and the primary result without each of them.

The result without a site is the same analysis of everyone else: missing scores are drawn and models
fitted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import polars as pl

from armwise.analysis.compare import compare
from armwise.analysis.comparison import Comparison, is_comparison
from armwise.analysis.results import Row, row
from armwise.analysis.within_sites import ONE_ARM
from armwise.derive.derived import Derived
from armwise.stats import leave_one_site_out, sites_of

BOTH_ARMS: Final = "sites with both arms"
NOT_RECORDED: Final = "site not recorded"


def sites(derived: Derived, c: Comparison | None) -> Iterator[Row]:
    """The rows of a study with several sites: subjects by site and arm, and the primary result without each site.

    Args:
        derived: the derived study.
        c: the primary analysis at its last visit.

    Returns:
        Rows; none of a randomised study, or of one with fewer than two sites.
    """
    if c is None or c.protocol.randomised:
        return
    people = _with_site(derived)
    known = people.filter(pl.col("site").is_not_null())
    if known["site"].n_unique() < 2:
        return
    about: dict[str, Any] = {"analysis": "sites", "role": "descriptive", "item": c.name, "unit": "subjects"}
    for arm in c.arms:
        yield from _counts(known, arm, c.reference, about)
    for arm in c.protocol.arms:
        unknown = people.filter((pl.col("arm") == arm) & pl.col("site").is_null()).height
        if unknown:
            yield row("count", unknown, category=NOT_RECORDED, arm=arm, **about)
    alone = _one_armed(known, c)
    if ONE_ARM in c.lost["excluded"].to_list():  # compared within sites: they are left out already
        known, alone = known.filter(~pl.col("subject").is_in(sorted(alone))), set()
    if known["site"].n_unique() < 2:
        return
    subjects = known["subject"].to_numpy()
    without = leave_one_site_out(
        known["site"].to_numpy(), lambda keep: _without(derived, c, set(subjects[~keep]))
    )
    for site, found in without.items():
        yield from (_named(made, c.name, f"without {site}") for made in found)
    if alone:
        yield from (_named(made, c.name, BOTH_ARMS) for made in _without(derived, c, alone))


def _with_site(derived: Derived) -> pl.DataFrame:
    """`subject, arm, site` of everyone enrolled."""
    table = derived.study.tables["subjects"].select("subject", "site")
    own = table.unique("subject", keep="first", maintain_order=True)
    return derived.subjects.select("subject", "arm").join(
        own, on="subject", how="left", maintain_order="left"
    )


def _counts(known: pl.DataFrame, arm: str, reference: str, about: dict[str, Any]) -> Iterator[Row]:
    """Subjects of an arm and of the reference in each site; `reason` says where there is one arm only."""
    pair = known.filter(pl.col("arm").is_in([arm, reference]))
    found = sites_of(pair["site"].to_numpy(), (pair["arm"] == arm).to_numpy())
    for site, n1, n0 in zip(found.names, found.n_arm, found.n_versus, strict=True):
        why = ONE_ARM if site in found.one_armed else ""
        for name, other, count in ((arm, reference, n1), (reference, arm, n0)):
            yield row("count", count, category=site, arm=name, versus=other, n=n1 + n0, reason=why, **about)


def _one_armed(known: pl.DataFrame, c: Comparison) -> set[str]:
    """The subjects of sites that treated one arm only."""
    arms = pl.col("arm").n_unique().over("site")
    return set(known.filter(pl.col("arm").is_in([*c.arms, c.reference]) & (arms == 1))["subject"])


def _without(derived: Derived, c: Comparison, gone: set[str]) -> list[Row]:
    """The comparison of the primary analysis at its last visit, made without some subjects."""
    others = ~pl.col("subject").is_in(sorted(gone))
    kept = replace(
        derived,
        subjects=derived.subjects.filter(others), scores=derived.scores.filter(others),
        endpoints=derived.endpoints.filter(others), covariates=derived.covariates.filter(others),
    )  # fmt: skip
    plain = c.analysis.model_copy(update={"at": (c.visit,), "subgroups": (), "margin": None, "also": ()})
    return [made for made in compare(kept, c.name, plain).rows if is_comparison(c.protocol, made)]


def _named(made: Row, name: str, category: str) -> Row:
    """A comparison under the name of these rows: an estimate with its interval, no p, planned as nothing is."""
    about = {k: v for k, v in made.items() if k not in ("id", "key", "statistic", "estimate")}
    fixed = {"analysis": "sites", "item": name, "category": category, "role": "sensitivity", "planned": None}
    return row(made["statistic"], made["estimate"], **{**about, **fixed, "p": None, "label": None})
