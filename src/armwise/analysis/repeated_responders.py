"""Responders over several visits in one model: an odds ratio for all of them, by generalised estimating equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armwise.analysis.comparison import Comparison
from armwise.analysis.results import Row, estimate_row, row
from armwise.stats import gee, gee_contrast
from armwise.stats.covariates import covariates_of, independent_columns

METHOD = "GEE, exchangeable correlation, Mancl-DeRouen covariance, t on subjects - parameters"
INDEPENDENT = "answers of a patient agree too much for a common correlation: fitted as if independent"


def over_visits(visits: Sequence[Comparison], **about: Any) -> Iterator[Row]:
    """The odds ratio of responding, arm against reference, averaged over the visits of a threshold.

    Visit and covariates are in the model, the arm has one coefficient for all visits; answers of a patient correlate
    (exchangeable), the covariance is corrected for the small number of patients, and t has patients minus coefficients
    degrees of freedom. Patients enter with every visit that they answered; nothing is filled in.

    Args:
        visits: the same comparison at two visits or more.
        about: the columns that every row has.
    """
    c = visits[0]
    names = c.analysis.covariates
    for arm in c.arms:
        parts = [(k, v.frame.filter(v.frame["arm"].is_in([arm, c.reference]))) for k, v in enumerate(visits)]
        subjects = np.concatenate([f["subject"].to_numpy() for _, f in parts])
        treated = np.concatenate([(f["arm"] == arm).to_numpy() for _, f in parts])
        y = np.concatenate([f["outcome"].to_numpy() for _, f in parts])
        fixed = {**about, "arm": arm, "versus": c.reference, "unit": "ratio", "p": None}
        why = _refusal(treated, y, arm, c.reference)
        if why:
            n = len(set(subjects.tolist()))
            yield row("odds ratio", None, n=n, status="not estimable", reason=why, method=METHOD, **fixed)
            continue
        at = np.concatenate([np.full(f.height, k) for k, f in parts])
        X = [np.ones(len(y)), treated.astype(np.float64)]
        X += [(at == k).astype(np.float64) for k in range(1, len(visits))]
        terms = covariates_of({n: np.concatenate([f[n].to_numpy() for _, f in parts]) for n in names})
        design = np.column_stack([*X, *(term.X for term in terms)])
        design = design[:, independent_columns(design)]
        weights = np.zeros(design.shape[1])
        weights[1] = 1.0
        of = {str(s): bool(z) for s, z in zip(subjects, treated, strict=True)}
        n_arm = sum(of.values())
        fit, instead = gee(y, design, subjects, family="binary"), ""
        if fit.reason.startswith("the working correlation"):  # all answers of a patient alike, say
            fit, instead = gee(y, design, subjects, family="binary", correlation="independence"), INDEPENDENT
        found = gee_contrast(
            fit, weights, conf_level=c.analysis.conf_level, n_arm=n_arm, n_versus=len(of) - n_arm
        )
        yield estimate_row(found, **{**fixed, "method": METHOD, "reason": found.reason or instead})


def _refusal(treated: NDArray[np.bool_], y: NDArray[np.float64], arm: str, reference: str) -> str:
    """Why two arms have no finite odds ratio whatever the model; empty where they may have one."""
    for name, who in ((arm, treated), (reference, ~treated)):
        if not who.any():
            return f"nobody of {name} answered at any of the visits"
        if y[who].min() == y[who].max():
            did = "everybody" if y[who][0] else "nobody"
            return f"{did} of {name} responded at any of the visits: no finite estimate"
    return ""
