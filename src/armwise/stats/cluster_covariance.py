"""The covariance of estimates from clusters: the sandwich, and its two corrections for a small number of clusters.

Everything is in whitened rows: with V = L L' the working covariance of a cluster, Z = L^-1 D are its rows of the
derivative and e = L^-1 (y - mu) its residuals. The leverage of a cluster is S = Z B^-1 Z' with B the sum of Z'Z, and
I - H of the papers is L (I - S) L^-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from armwise.errors import UsageError
from armwise.stats.samples import Floats

Covariance = Literal["mancl-derouen", "kauermann-carroll", "robust"]
COVARIANCES: Final[tuple[Covariance, ...]] = ("mancl-derouen", "kauermann-carroll", "robust")
#: A cluster whose leverage is this near to 1 decides a coefficient alone: leaving it out leaves none.
_ALONE: Final = 1e-9


def cluster_covariance(Z: Sequence[Floats], e: Sequence[Floats], kind: Covariance) -> Floats | None:
    """The covariance of the estimates, from each cluster's whitened rows and residuals.

    The residuals are those of estimates that they helped to make, and so too small: by the factor (I - S). The plain
    sandwich ignores it, "kauermann-carroll" divides by its square root (unbiased where the working covariance is
    right), "mancl-derouen" by itself (as leaving each cluster out would).

    Parameters:
        Z: by cluster, shape (rows, p).
        e: by cluster, shape (rows,).
        kind: which.

    Returns:
        shape (p, p); None where one cluster alone decides a coefficient, so that no correction exists.

    Raises:
        UsageError: an unknown kind.

    Source: Liang and Zeger 1986, Biometrika 73:13; Mancl and DeRouen 2001, Biometrics 57:126; Kauermann and Carroll
        2001, J Am Stat Assoc 96:1387.
    """
    if kind not in COVARIANCES:
        raise UsageError(f"found covariance {kind!r}; expected one of {', '.join(COVARIANCES)}")
    p = Z[0].shape[1]
    B = np.zeros((p, p))
    for z in Z:
        B += z.T @ z
    bread = np.linalg.inv(B)
    meat = np.zeros((p, p))
    for z, r in zip(Z, e, strict=True):
        if kind != "robust":
            share, U = np.linalg.eigh(z @ bread @ z.T)
            if share[-1] > 1 - _ALONE:
                return None
            power = -1.0 if kind == "mancl-derouen" else -0.5
            r = U @ ((1 - share) ** power * (U.T @ r))
        score = z.T @ r
        meat += np.outer(score, score)
    return np.asarray(bread @ meat @ bread)
