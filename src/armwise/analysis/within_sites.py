"""Arms compared within sites: who is in a site that had one arm only, and so carries no comparison.

With the site among the covariates such a site determines the arm of its subjects: it would separate the arms, and say
nothing on their difference. Its subjects are left out, by name and count, like everyone else who is left out.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from armwise.protocol.model import Analysis, Protocol
from armwise.protocol.plan import SITE, WEIGHTED

ONE_ARM: Final = "site with one arm only: it carries no comparison"


def within_sites(
    protocol: Protocol, analysis: Analysis, known: pl.DataFrame, why: str = "left_out"
) -> pl.DataFrame:
    """The same subjects, those in sites with one arm only left out where weights or models compare within sites.

    Args:
        protocol: the protocol.
        analysis: whose covariates say whether arms are compared within sites.
        known: `subject, arm`, the reason for being left out and the covariates.
        why: the column of that reason; null for those who are in.
    """
    names = [
        n for n in analysis.covariates if n in protocol.covariates and protocol.covariates[n].item == SITE
    ]
    if not names or analysis.adjust not in WEIGHTED:
        return known
    site = names[0]
    arms = pl.col("arm").filter(pl.col(why).is_null()).n_unique().over(site)
    alone = pl.col(why).is_null() & pl.col(site).is_not_null() & (arms == 1)
    return known.with_columns(pl.when(alone).then(pl.lit(ONE_ARM)).otherwise(why).alias(why))
