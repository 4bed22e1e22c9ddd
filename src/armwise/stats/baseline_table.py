"""Table 1: the arms' covariates at baseline, described and compared by standardised differences, no p."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.balance import chance_imbalance, standardised_difference, variance_ratio
from armwise.stats.means import summary
from armwise.stats.samples import Bools, Floats, complete_rows, frame_columns, is_numeric, labels

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


@dataclass(frozen=True, slots=True)
class CovariateRow:
    """One covariate (or one category of it) in one arm.

    Attributes:
        covariate, category, arm: what the row describes; category is "" for a numeric covariate.
        n, n_missing: subjects of the arm with and without a value.
        mean, sd, median, q1, q3, min, max: of a numeric covariate, else None (quartiles: type 7).
        count, share: of a category, else None; share of the subjects with a value.
        weighted_mean: the weighted mean, or the category's weighted share; None without weights.
    """

    covariate: str
    category: str
    arm: str
    n: int
    n_missing: int
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    q1: float | None = None
    q3: float | None = None
    min: float | None = None
    max: float | None = None
    count: int | None = None
    share: float | None = None
    weighted_mean: float | None = None


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """How far two arms lie apart in one covariate.

    Attributes:
        covariate, kind: its name; "numeric" or "categorical".
        arm, versus: the arms compared.
        n_arm, n_versus: subjects with a value.
        standardised_difference: signed for numeric, a distance for categorical; None where not estimable.
        variance_ratio: numeric only.
        weighted_standardised_difference, weighted_variance_ratio: after weighting; None without weights.
        chance: probability that chance alone exceeds 0.1 at this size (one numeric covariate), None when
            an arm has fewer than two values.
        reason: why a number is missing.
    """

    covariate: str
    kind: str
    arm: str
    versus: str
    n_arm: int
    n_versus: int
    standardised_difference: float | None
    variance_ratio: float | None
    weighted_standardised_difference: float | None
    weighted_variance_ratio: float | None
    chance: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TableOne:
    """Table 1 as values.

    Attributes:
        arms: the arms, reference first.
        sizes: arm -> subjects.
        rows: one a covariate, category and arm.
        balance: one a covariate and arm other than the reference.
        n_without_arm: rows of the frame left out because their arm is missing.
    """

    arms: tuple[str, ...]
    sizes: Mapping[str, int]
    rows: tuple[CovariateRow, ...]
    balance: tuple[BalanceRow, ...]
    n_without_arm: int

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, for `polars.DataFrame` or `pandas.DataFrame`."""
        return [asdict(row) for row in self.rows]

    def balance_to_dicts(self) -> list[dict[str, Any]]:
        """The balance rows as dictionaries."""
        return [asdict(row) for row in self.balance]


def table_one(
    frame: IntoFrame,
    by: str,
    *,
    reference: str | None = None,
    columns: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    weights: str | None = None,
    threshold: float = 0.1,
) -> TableOne:
    """Describe covariates by arm, with standardised differences and no p.

    Parameters:
        frame: pandas or Polars (eager or lazy), one row a subject.
        by: column of arm labels.
        reference: the arm that the others are compared with; None for the first in sorted order.
        columns: covariates; None for all columns but `by` and `weights`.
        categorical: numeric columns to be read as categories (text and booleans are anyway).
        weights: column of weights; the SDs of standardised differences stay those of the unweighted sample.
        threshold: of the chance imbalance.

    Returns:
        A TableOne. Missing values are left out covariate by covariate and counted.

    Raises:
        UsageError: unknown columns, fewer than two arms, reference not among them, weights missing.
    """
    import narwhals as nw

    if columns is None:
        names = list(nw.from_native(frame).lazy().collect_schema().names())
        columns = [name for name in names if name not in (by, weights)]
    wanted = [by, *columns, *([weights] if weights else [])]
    data = frame_columns(frame, wanted)
    absent = [name for name in categorical if name not in columns]
    if absent:
        raise UsageError(f"categorical names {absent}, which are not among the columns {list(columns)}")
    has_arm = complete_rows({by: data[by]})
    data = {name: values[has_arm] for name, values in data.items()}
    arm = labels(data[by], by)
    arms = _arms(sorted(set(arm.tolist())), reference)
    w = _weights(data[weights]) if weights else None

    rows: list[CovariateRow] = []
    balance: list[BalanceRow] = []
    for name in columns:
        numeric = is_numeric(data[name]) and name not in categorical
        column = _Column(name, data[name], complete_rows({name: data[name]}), numeric, w)
        for a in arms:
            rows.extend(column.describe(a, arm == a))
        for a in arms[1:]:
            balance.append(column.compare(a, arm == a, arms[0], arm == arms[0], threshold))
    sizes = {a: int(np.count_nonzero(arm == a)) for a in arms}
    return TableOne(arms, sizes, tuple(rows), tuple(balance), int(np.count_nonzero(~has_arm)))


def _arms(found: list[str], reference: str | None) -> tuple[str, ...]:
    if len(found) < 2:
        raise UsageError(f"found the arms {found}; a comparison needs two")
    first = found[0] if reference is None else str(reference)
    if first not in found:
        raise UsageError(f"the reference arm {first!r} is not among the arms {found}; name one of them")
    return (first, *(a for a in found if a != first))


def _weights(values: NDArray[Any]) -> Floats:
    if not is_numeric(values) or not np.isfinite(values).all() or values.min() < 0:
        raise UsageError("the column of weights must hold numbers of at least 0, none missing")
    return values


@dataclass(frozen=True, slots=True)
class _Column:
    """One covariate's values, where they are present, and the weights."""

    name: str
    values: NDArray[Any]
    present: Bools
    numeric: bool
    w: Floats | None

    def describe(self, arm: str, inside: Bools) -> list[CovariateRow]:
        here = inside & self.present
        n, n_missing = int(np.count_nonzero(here)), int(np.count_nonzero(inside & ~self.present))
        # without any weight there is nothing to average
        w = self.w[here] if self.w is not None and self.w[here].sum() > 0 else None
        if self.numeric:
            s = summary(self.values[here])
            described = (s.mean, s.sd, s.median, s.q1, s.q3, s.min, s.max)
            mean = None if w is None else float(np.average(self.values[here], weights=w))
            return [CovariateRow(self.name, "", arm, n, n_missing, *described, weighted_mean=mean)]
        found = labels(self.values[here], self.name)
        out = []
        for category in sorted(set(labels(self.values[self.present], self.name).tolist())):
            is_it = found == category
            count = int(np.count_nonzero(is_it))
            weighted = None if w is None else float(w[is_it].sum() / w.sum())
            share = count / n if n else None
            out.append(
                CovariateRow(
                    self.name, category, arm, n, n_missing, count=count, share=share, weighted_mean=weighted
                )
            )
        return out

    def compare(self, arm: str, inside: Bools, versus: str, outside: Bools, threshold: float) -> BalanceRow:
        here, there = inside & self.present, outside & self.present
        x, y = self.values[here], self.values[there]
        kind = "numeric" if self.numeric else "categorical"
        d = standardised_difference(x, y, kind=kind)
        ratio = variance_ratio(x, y) if self.numeric else None
        weighted_d = weighted_ratio = None
        reason = d.reason or (ratio.reason if ratio else "")
        if self.w is not None and min(self.w[here].sum(), self.w[there].sum()) > 0:
            w, v = self.w[here], self.w[there]
            weighted_d = standardised_difference(x, y, kind=kind, weights_arm=w, weights_versus=v).estimate
            if self.numeric:
                weighted_ratio = variance_ratio(x, y, weights_arm=w, weights_versus=v).estimate
        n1, n2 = int(np.count_nonzero(here)), int(np.count_nonzero(there))
        chance = chance_imbalance(n1, n2, threshold) if min(n1, n2) >= 2 else None
        return BalanceRow(
            self.name, kind, arm, versus, n1, n2, d.estimate, ratio.estimate if ratio else None,
            weighted_d, weighted_ratio, chance, reason,
        )  # fmt: skip
