"""Analysis of covariance: differences between arms and LS means, conditional on covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from armwise.errors import UsageError
from armwise.stats.covariates import Covariate, covariate
from armwise.stats.estimate import COEFFICIENT, LS_MEAN, MEAN_DIFFERENCE, Estimate, check_conf_level
from armwise.stats.least_squares import LeastSquares, with_covariates
from armwise.stats.samples import Floats, Objects, complete_rows, frame_columns, labels, same_length, sample

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

METHOD = "ANCOVA"
#: Why aliasing leaves a comparison of arms without one value.
DETERMINED = "the columns of the covariates determine the arm: no one value fits the data best"

LsMeanWeights = Literal["equal", "observed"]


@dataclass(frozen=True, slots=True)
class Ancova:
    """One analysis of covariance.

    Attributes:
        differences: arm -> its difference from the reference at equal covariates, with interval and p.
        lsmeans: arm (the reference too) -> mean at the common covariate values, with interval.
        reference: the arm that the others are compared with.
        residual_sd: residual standard deviation, unit of the outcome; None without residual freedom.
        residuals: outcome minus what the model fits, in the order of the subjects, shape (n,).
        df: residual degrees of freedom.
        n: subjects in the model.
        aliased: columns left out because those before them determine them.
        weights: how LS means average over covariates, in words.
        coefficients: column -> its coefficient; aliased ones are "not estimable".
        n_missing: rows that a frame lost to missing values (0 when arrays were given).
    """

    differences: Mapping[str, Estimate]
    lsmeans: Mapping[str, Estimate]
    reference: str
    residual_sd: float | None
    residuals: NDArray[np.float64]
    df: int
    n: int
    aliased: tuple[str, ...]
    weights: str
    coefficients: Mapping[str, Estimate]
    n_missing: int = 0


def ancova(
    frame: IntoFrame,
    *,
    outcome: str,
    arm: str,
    reference: str,
    covariates: Sequence[str] = (),
    conf_level: float = 0.95,
    null: float = 0.0,
    lsmean_weights: LsMeanWeights = "equal",
) -> Ancova:
    """Compare arms by analysis of covariance on the columns of a data frame.

    Parameters:
        frame: pandas or Polars (eager or lazy), one row a subject.
        outcome: numeric column.
        arm: column of arm labels.
        reference: the label that the others are compared with.
        covariates: columns; numeric as they are, others (text, booleans) as categories.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests, in the unit of the outcome.
        lsmean_weights: "equal" weights every category of a covariate equally; "observed" as often as seen.

    Returns:
        An Ancova; rows with a missing value in any named column are left out and counted in `n_missing`.

    Raises:
        UsageError: unknown columns, outcome not numeric, reference not among the arms, fewer than two arms.

    >>> import polars as pl
    >>> data = pl.DataFrame({"y": [1.0, 2.0, 4.0, 7.0, 6.0, 8.0], "x": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
    ...                      "arm": ["a", "a", "a", "b", "b", "b"]})
    >>> fit = ancova(data, outcome="y", arm="arm", reference="a", covariates=["x"])
    >>> round(fit.differences["b"].estimate, 3)
    4.667
    """
    columns = frame_columns(frame, [outcome, arm, *covariates])
    complete = complete_rows(columns)
    used = {name: values[complete] for name, values in columns.items()}
    fit = ancova_fit(
        used[outcome], used[arm], {name: used[name] for name in covariates},
        reference=reference, conf_level=conf_level, null=null, lsmean_weights=lsmean_weights,
    )  # fmt: skip
    return replace(fit, n_missing=int(np.count_nonzero(~complete)))


def ancova_fit(
    y: ArrayLike,
    arm: ArrayLike,
    covariates: Mapping[str, ArrayLike],
    *,
    reference: str,
    conf_level: float = 0.95,
    null: float = 0.0,
    lsmean_weights: LsMeanWeights = "equal",
) -> Ancova:
    """Compare arms by analysis of covariance: y on arm and covariates, least squares, common slopes.

    Parameters:
        y: outcome, shape (n,), none missing.
        arm: arm labels, shape (n,).
        covariates: name -> values, shape (n,); numbers as they are, text and booleans as categories.
        reference: the label that the others are compared with.
        conf_level: 0.95 for 95 %.
        null: the difference that p tests.
        lsmean_weights: "equal" (every category of a covariate equally, numeric covariates at their mean) or
            "observed" (categories as often as they occur).

    Returns:
        An Ancova. A difference that aliasing leaves without one value (a site that treated only one arm)
        is "not estimable"; aliased columns are named.

    Raises:
        UsageError: missing values, lengths that differ, reference not among the arms, fewer than two arms.

    Source: Searle, Speed and Milliken 1980, Am Stat 34:216 (population marginal means).
    """
    check_conf_level(conf_level)
    if lsmean_weights not in ("equal", "observed"):
        raise UsageError(f'lsmean_weights is {lsmean_weights!r}; expected "equal" or "observed"')
    y = sample(y, "y")
    arm = labels(arm, "arm")
    terms = tuple(covariate(name, values) for name, values in covariates.items())
    same_length({"y": y, "arm": arm} | {f"covariate {term.name}": term.X for term in terms})
    reference, arms = str(reference), _arms(arm, str(reference))
    model = _model(y, arm, arms, terms)
    rows = _lsmean_rows(arms, terms, lsmean_weights)

    differences = {}
    for k, name in enumerate(arms[1:], start=1):
        L = np.zeros(len(model.columns))
        L[k] = 1.0
        sizes = {"n_arm": _count(arm, name), "n_versus": _count(arm, reference)}
        differences[name] = model.combination(
            L, MEAN_DIFFERENCE, METHOD, conf_level, null, determined=DETERMINED, **sizes
        )
    lsmeans = {
        name: model.combination(
            rows[name], LS_MEAN, METHOD, conf_level, None, n_arm=_count(arm, name), determined=DETERMINED
        )
        for name in arms
    }
    return Ancova(
        differences=differences,
        lsmeans=lsmeans,
        reference=reference,
        residual_sd=model.residual_sd,
        residuals=model.residuals,
        df=model.df,
        n=len(y),
        aliased=model.aliased,
        weights=_weights_in_words(terms, lsmean_weights),
        coefficients=_coefficients(model, conf_level),
    )


def _arms(arm: Objects, reference: str) -> list[str]:
    """The arms, reference first, the others sorted."""
    found = sorted(set(arm.tolist()))
    if reference not in found:
        raise UsageError(f"the reference arm {reference!r} is not among the arms {found}; name one of them")
    if len(found) < 2:
        raise UsageError(f"only the arm {reference!r} was found; a comparison needs two arms")
    return [reference, *(name for name in found if name != reference)]


def _count(arm: Objects, name: str) -> int:
    return int(np.count_nonzero(arm == name))


def _model(y: Floats, arm: Objects, arms: list[str], terms: tuple[Covariate, ...]) -> LeastSquares:
    """y on a constant, an indicator of each arm but the first, and the covariates."""
    X, columns = with_covariates(
        [(arm == name).astype(np.float64) for name in arms[1:]],
        [f"arm[{name}]" for name in arms[1:]],
        terms,
    )
    return LeastSquares.of(y, X, columns)


def _lsmean_rows(arms: list[str], terms: tuple[Covariate, ...], weights: LsMeanWeights) -> dict[str, Floats]:
    """The weights of the coefficients that make each arm's LS mean."""
    common = [t.equal_weights() if weights == "equal" else t.observed_weights() for t in terms]
    rows = {}
    for k, name in enumerate(arms):
        row = np.concatenate([[1.0], np.zeros(len(arms) - 1), *common])
        if k:
            row[k] = 1.0
        rows[name] = row
    return rows


def _weights_in_words(terms: tuple[Covariate, ...], weights: LsMeanWeights) -> str:
    """How LS means average over the covariates, for the methods section."""
    numeric = [t.name for t in terms if not t.levels]
    categorical = [t.name for t in terms if t.levels]
    parts = []
    if numeric:
        parts.append(f"{', '.join(numeric)} at the mean of the subjects analysed")
    if categorical and weights == "equal":
        parts.append(f"every category of {', '.join(categorical)} weighted equally")
    if categorical and weights == "observed":
        parts.append(f"categories of {', '.join(categorical)} as often as observed")
    return "; ".join(parts) if parts else "no covariates: the arms' means"


def _coefficients(model: LeastSquares, conf_level: float) -> dict[str, Estimate]:
    """Column -> coefficient with interval and p, as R's lm has them; aliased ones not estimable.

    Each is the coefficient given that the aliased ones are zero, and so always estimable.
    """
    kept = list(model.kept)
    columns = tuple(model.columns[j] for j in kept)
    reduced = replace(model, X=model.X[:, kept], columns=columns, kept=tuple(range(len(kept))))
    none = Estimate.not_estimable(COEFFICIENT, METHOD, "aliased", conf_level=conf_level, n=len(model.X))
    return {
        name: reduced.coefficient(name, COEFFICIENT, METHOD, conf_level) if name in columns else none
        for name in model.columns
    }
