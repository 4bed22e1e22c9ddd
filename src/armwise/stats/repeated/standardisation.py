"""Marginal standardisation: what the model expects at a visit if everyone had been in one arm, averaged over everyone.

The average prediction over the analysed subjects' own covariates (g-computation for a linear model). For covariates
that enter linearly this is the LS mean at their means over subjects; for interactions with the arm and for curves it is
the mean of the predictions, where LS means predict at the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.estimate import check_conf_level
from armwise.stats.means import t_quantile, t_two_sided
from armwise.stats.repeated.grid import Grid
from armwise.stats.repeated.least_squares_means import CONTRAST, LsEstimates, grid_of
from armwise.stats.repeated.long_table import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from armwise.stats.repeated.fitted import Mmrm
