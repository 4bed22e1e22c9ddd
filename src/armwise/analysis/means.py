"""Comparisons of measured endpoints: ANCOVA, difference in means, Mann-Whitney, overlap-weighted means."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.analysis.adjusted import adjusted, adjusted_rows
from armwise.analysis.comparison import Comparison
from armwise.analysis.crowding import constant_categories, crowded
from armwise.analysis.describe import mean_row
from armwise.analysis.model_imputation import model_imputed_rows
from armwise.analysis.repeated import combined
from armwise.analysis.results import Row, estimate_row, row
from armwise.analysis.unlike_arms import unlike_in_regression
from armwise.protocol.plan import WEIGHTED
from armwise.stats import (
    Estimate,
    ancova_fit,
    hedges_g,
    mann_whitney,
    permuted_mean_difference,
    welch,
)


def ancova_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """ANCOVA: each arm against the reference, the LS means, and the unadjusted comparison beside it."""
    a = c.analysis
    if c.modelled is not None:
        yield from model_imputed_rows(c)
        for arm in c.arms:
            yield from unadjusted_means(c, arm)
        return
    fit = ancova_fit(
        c.frame["outcome"].to_numpy(), c.frame["arm"].to_numpy(), c.covariates(),
        reference=c.reference, conf_level=a.conf_level, null=null, lsmean_weights=a.ls_means,
    )  # fmt: skip
    left_out = f"aliased and left out: {', '.join(fit.aliased)}" if fit.aliased else ""
    note = combined(left_out, constant_categories(c), crowded(c))
    for arm in c.arms:
        if arm in fit.differences:
            difference = fit.differences[arm]
            yield estimate_row(
                difference,
                **{
                    **c.between(arm),
                    "reason": difference.reason
                    or combined(note, unlike_in_regression(c, fit.residuals, arm)),
                },
            )
            yield from unadjusted_means(c, arm, conditional=difference)
    for arm in c.protocol.arms:
        if arm in fit.lsmeans:
            yield estimate_row(fit.lsmeans[arm], **{**c.about, "arm": arm, "p": None, "reason": fit.weights})


def mean_difference_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The difference in means: Welch's, or adjusted by weights or models with the unadjusted one beside it."""
    a = c.analysis
    if a.adjust in WEIGHTED:
        yield from adjusted_rows(c, adjusted(c, "mean", null))
        yield from unadjusted_means(c, c.arms[0])
        return
    for arm in c.arms:
        pair = c.outcome(arm), c.outcome(c.reference)
        about = c.between(arm)
        yield estimate_row(welch(*pair, a.conf_level, null), **about)
        if "hedges-g" in a.also:
            yield estimate_row(hedges_g(*pair, a.conf_level), **{**about, "unit": "SD"})
    for arm in c.protocol.arms:
        yield mean_row(c.outcome(arm), a.conf_level, **c.about, arm=arm)


def mann_whitney_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The Hodges-Lehmann shift with the interval and p of the Mann-Whitney test.

    Which null distribution it used depends on the data (ties, sizes), so that it stands in `reason`, not in `method`.
    """
    for arm in c.arms:
        found = mann_whitney(c.outcome(arm), c.outcome(c.reference), c.analysis.conf_level, null)
        method, _, distribution = found.method.partition(", ")
        reason = "; ".join(filter(None, (distribution, found.reason)))
        about = {**c.between(arm), "method": method}
        about["reason"] = reason if found.status == "ok" else found.reason
        yield estimate_row(found, **about)


def permutation_rows(c: Comparison, *, null: float = 0.0) -> Iterator[Row]:
    """The difference in means by permutation of the arms; how many arrangements it took stands in `reason`."""
    for arm in c.arms:
        found = permuted_mean_difference(c.outcome(arm), c.outcome(c.reference), c.analysis.conf_level, null)
        yield estimate_row(found, **c.between(arm))
    for arm in c.protocol.arms:
        yield mean_row(c.outcome(arm), c.analysis.conf_level, **c.about, arm=arm)


def unadjusted_means(c: Comparison, arm: str, conditional: Estimate | None = None) -> Iterator[Row]:
    """The unadjusted difference that stands beside an adjusted one, its size in SDs, and Lord's paradox.

    Where arms were not randomised the two answer different questions: the conditional one compares patients alike at
    baseline, the difference in mean change lets each arm keep its own level. Ding and Li 2019 (Political Analysis
    27:605-615) give the conditions under which they bracket the effect.
    """
    about = {
        **c.between(arm),
        "analysis": f"{c.name}.unadjusted",
        "role": "sensitivity",
        "target": "everyone",
    }
    about["p"] = None
    pair = c.outcome(arm), c.outcome(c.reference)
    plain = welch(*pair, c.analysis.conf_level)
    yield estimate_row(plain, **about)
    yield estimate_row(hedges_g(*pair, c.analysis.conf_level), **{**about, "unit": "SD"})
    if conditional is None or c.protocol.randomised or not conditional.se or not _is_lords(c):
        return
    if plain.estimate is None or conditional.estimate is None:
        return
    apart = abs(plain.estimate - conditional.estimate) / conditional.se
    yield row(
        "lord", apart, n=plain.n, method="distance in standard errors", reason="differ" if apart > 1 else "agree",
        **{**c.between(arm), "unit": "SE"},
    )  # fmt: skip


def _is_lords(c: Comparison) -> bool:
    """Whether the two differences are those of Lord's paradox: of a change, with and without its baseline."""
    endpoint = c.protocol.endpoints[c.analysis.endpoint]
    scores = {
        c.protocol.covariates[name].score for name in c.analysis.covariates if name in c.protocol.covariates
    }
    return endpoint.kind == "change" and ("baseline" in c.analysis.covariates or endpoint.score in scores)
