"""A fitted model in words and numbers, for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from armwise.stats.repeated.contrasts import Contrasts, contrasts
from armwise.stats.repeated.covariance import correlations
from armwise.stats.repeated.newton import CONVERGED

if TYPE_CHECKING:
    from armwise.stats.repeated.fitted import Mmrm


def coefficients(fit: Mmrm, conf_level: float = 0.95) -> Contrasts:
    """Each coefficient with its standard error, degrees of freedom, test and interval; aliased ones hold NaN."""
    return contrasts(
        fit, np.eye(len(fit.design.columns)), conf_level=conf_level, labels=fit.design.columns
    )  # fmt: skip


def summary_text(fit: Mmrm) -> str:
    """What `print(fit)` shows: the model, the counts, the covariance, the coefficients."""
    likelihood = "restricted log-likelihood" if fit.reml else "log-likelihood"
    lines = [
        fit.method,
        f"{fit.n_subjects} subjects, {fit.n_observations} outcomes, {len(fit.products.n)} patterns of observed visits",
        f"{likelihood} {fit.loglik:.4f}   AIC {fit.aic:.4f}   BIC {fit.bic:.4f}   "
        f"{fit.n_parameters} parameters   {_convergence(fit)}",
    ]
    if fit.products.n_empty:
        lines.append(f"{fit.products.n_empty} subjects without an outcome left out")
    lines += [f"{count} rows left out, {why} missing" for why, count in fit.dropped.items()]
    if fit.products.n_withheld:
        lines.append(f"{fit.products.n_withheld} subjects in withheld patterns left out")
    if fit.aliased:
        lines.append(f"aliased, without a coefficient: {', '.join(fit.aliased)}")
    for name, sigma in zip(fit.groups, fit.sigma, strict=True):
        sd, R = correlations(sigma)
        lines += ["", f"SD and correlations{f' in {name}' if name else ''}"]
        width = max(len(v) for v in fit.design.visits)
        for j, visit in enumerate(fit.design.visits):
            r = "  ".join(f"{R[j, k]:6.3f}" for k in range(j))
            lines.append(f"  {visit:<{width}}  {sd[j]:10.4g}  {r}".rstrip())
    lines += ["", str(coefficients(fit))]
    return "\n".join(lines)


def _convergence(fit: Mmrm) -> str:
    if math.isnan(fit.decrement):
        return "at a given covariance"
    size = f"below {CONVERGED:g}" if fit.decrement < CONVERGED else f"{fit.decrement:.1e}"
    return f"{fit.evaluations} evaluations, decrement {size}"
