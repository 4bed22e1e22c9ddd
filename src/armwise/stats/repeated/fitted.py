"""A fitted model for repeated measures, as a value: estimates, covariance, likelihood, and how they were reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FitError, UsageError
from armwise.stats.repeated.basis import Basis
from armwise.stats.repeated.covariance import Structure, per_unit_of_time
from armwise.stats.repeated.cross_products import CrossProducts
from armwise.stats.repeated.design import Design
from armwise.stats.repeated.inference import Inference, inference
from armwise.stats.repeated.kenward_roger import adjustment
from armwise.stats.repeated.lapack import cholesky
from armwise.stats.repeated.newton import Optimum, unanchored
from armwise.stats.repeated.robust import robust_covariance

if TYPE_CHECKING:
    from armwise.stats.repeated.wide import Wide

Floats = NDArray[np.float64]

DfMethod = Literal[
    "kenward-roger", "kenward-roger-log-cholesky", "satterthwaite", "between-within", "residual"
]
VcovMethod = Literal["model", "empirical", "jackknife", "bias-reduced"]

#: Degrees of freedom in words, for output.
DF_WORDS: dict[DfMethod, str] = {
    "kenward-roger": "Kenward-Roger, linear parametrisation",
    "kenward-roger-log-cholesky": "Kenward-Roger, log-Cholesky parametrisation",
    "satterthwaite": "Satterthwaite",
    "between-within": "between-within",
    "residual": "residual",
}
#: Degrees of freedom that do not depend on how the covariance of the coefficients is estimated.
FIXED_DF: tuple[DfMethod, ...] = ("between-within", "residual")
VCOV_WORDS: dict[VcovMethod, str] = {
    "model": "model-based",
    "empirical": "empirical (sandwich)",
    "jackknife": "jackknife",
    "bias-reduced": "bias-reduced sandwich",
}


def check_methods(df: str, vcov: str, *, rows: bool) -> None:
    """Refuses unknown words, and a robust covariance where there are no rows.

    Raises:
        UsageError: as said.
    """
    if str(df) not in DF_WORDS or str(vcov) not in VCOV_WORDS:
        raise UsageError(
            f"df {df!r} and vcov {vcov!r}: expected df one of {', '.join(DF_WORDS)} and vcov one of "
            f"{', '.join(VCOV_WORDS)}"
        )
    if vcov != "model" and not rows:
        raise UsageError(
            "a robust covariance needs the rows, which cross-products do not hold; fit from rows"
        )


@dataclass(frozen=True, eq=False)
class Mmrm:
    """A mixed model for repeated measures, fitted. `contrasts`, `joint_test` and `lsmeans` take it.

    Attributes:
        design: columns of the model matrix.
        structure: covariance structure.
        reml: restricted or full maximum likelihood.
        df_method, vcov_method: how contrasts are tested.
        products: the cross-products that it was fitted to.
        distance: shape (m, m), between visits, in multiples of `unit`.
        basis, optimum: the fit in the orthonormal basis.
        wide: the rows, when it was fitted to rows; None from cross-products alone.
        anchor: shape (G, m, m), Cholesky factors that rows were whitened with, when the covariance is nearly singular.
        unit: of `distance`: the time between the nearest visits, for the spatial exponential.
    """

    design: Design
    structure: Structure
    reml: bool
    df_method: DfMethod
    vcov_method: VcovMethod
    products: CrossProducts = field(repr=False)
    distance: Floats = field(repr=False)
    basis: Basis = field(repr=False)
    optimum: Optimum = field(repr=False)
    wide: Wide | None = field(default=None, repr=False)
    anchor: Floats | None = field(default=None, repr=False)
    unit: float = field(default=1.0, repr=False)

    def using(self, *, df: DfMethod | None = None, vcov: VcovMethod | None = None) -> Mmrm:
        """The same fit with other degrees of freedom or another covariance of the coefficients; nothing is refitted.

        Raises:
            UsageError: an unknown word, or a robust covariance of a fit that has no rows.
        """
        df, vcov = df or self.df_method, vcov or self.vcov_method
        check_methods(df, vcov, rows=self.wide is not None)
        return replace(self, df_method=df, vcov_method=vcov)

    def __str__(self) -> str:
        from armwise.stats.repeated.summary import summary_text

        return summary_text(self)

    @property
    def fixed_df(self) -> bool:
        """Whether degrees of freedom are counted, and do not depend on the covariance."""
        return self.df_method in FIXED_DF

    @property
    def covariance(self) -> str:
        """Name of the covariance structure."""
        return self.structure.name

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the covariance groups; one empty name when there is one covariance for all."""
        return self.products.groups

    @cached_property
    def sigma(self) -> Floats:
        """Covariance of the visits in each group, shape (G, m, m)."""
        return unanchored(self.optimum.point.sigma, self.anchor)

    @cached_property
    def beta(self) -> Floats:
        """Coefficients, shape (q,); NaN where aliased."""
        out = np.full(len(self.design.columns), np.nan)
        out[self.basis.kept] = self.basis.coefficients(self.optimum.point.beta)
        return out

    @cached_property
    def vcov(self) -> Floats:
        """Covariance of the coefficients, shape (q, q), by `vcov_method` and `df_method`; NaN where aliased."""
        q, kept = len(self.design.columns), self.basis.kept
        out = np.full((q, q), np.nan)
        F = self.basis.Ri @ self.optimum.point.Fi.T
        out[np.ix_(kept, kept)] = F @ self.whitened_covariance @ F.T
        return out

    @cached_property
    def se(self) -> Floats:
        """Standard errors of the coefficients, shape (q,)."""
        return np.asarray(np.sqrt(np.diag(self.vcov)))

    @property
    def aliased(self) -> tuple[str, ...]:
        """Columns that are functions of the columns before them, and have no coefficient."""
        kept = set(self.basis.kept.tolist())
        return tuple(name for k, name in enumerate(self.design.columns) if k not in kept)

    @cached_property
    def whitened_covariance(self) -> Floats:
        """Covariance of the coefficients in whitened coordinates, shape (r, r): the identity for the plain model."""
        if self.vcov_method != "model":
            return robust_covariance(self)
        identity = np.eye(self.rank)
        if self.kenward_roger is None:
            return identity
        adjusted = identity + 2 * self.kenward_roger
        if cholesky(adjusted) is None:
            raise FitError(
                "the adjusted covariance of the coefficients is not positive definite: the adjustment is larger than "
                "the covariance itself; use df='kenward-roger' (linear) or 'satterthwaite'",
                "singular",
            )
        return adjusted

    @cached_property
    def inference(self) -> Inference:
        """Uncertainty of the covariance parameters, in the parametrisation that `df_method` names."""
        point, theta, distance = self.optimum.point, self.optimum.theta, self.distance
        if self.df_method != "kenward-roger-log-cholesky":
            return inference(point, self.structure, distance, theta, "linear", self.anchor)
        if theta is not None and self.unit != 1.0:  # that term depends on the unit of time
            theta, distance = per_unit_of_time(theta, self.unit), distance * self.unit
        return inference(point, self.structure, distance, theta, "log-cholesky", self.anchor)

    @cached_property
    def kenward_roger(self) -> Floats | None:
        """Kenward and Roger's adjustment in whitened coordinates, shape (r, r); None for other methods."""
        if not self.df_method.startswith("kenward-roger") or self.vcov_method != "model":
            return None
        return adjustment(self.inference)

    @property
    def rank(self) -> int:
        """Coefficients that are not aliased."""
        return len(self.basis.kept)

    @property
    def loglik(self) -> float:
        """The log-likelihood; for REML without the term in |X'X|, as SAS and R's mmrm report it."""
        return self.optimum.point.loglik

    @property
    def n_parameters(self) -> int:
        """Covariance parameters; with maximum likelihood, the coefficients too."""
        covariance = len(self.groups) * self.structure.size(len(self.design.visits))
        return covariance + (0 if self.reml else self.rank)

    @property
    def aic(self) -> float:
        """Akaike's criterion, smaller is better."""
        return -2 * self.loglik + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion on the number of subjects, smaller is better."""
        return -2 * self.loglik + self.n_parameters * math.log(self.n_subjects)

    @property
    def n_subjects(self) -> int:
        """Subjects with an observed outcome."""
        return self.products.n_subjects

    @property
    def n_observations(self) -> int:
        """Outcomes analysed."""
        return self.products.n_observations

    @property
    def dropped(self) -> Mapping[str, int]:
        """Rows of the table that were left out, by the column that they lacked."""
        return {} if self.wide is None else self.wide.dropped

    @property
    def evaluations(self) -> int:
        """How often the likelihood was computed."""
        return self.optimum.evaluations

    @property
    def decrement(self) -> float:
        """Newton's decrement at the end: the squared distance from the maximum in standard errors."""
        return self.optimum.decrement

    @property
    def gradient(self) -> Floats:
        """Gradient of the log-likelihood by the whitened entries of the covariance, shape (G, m, m)."""
        return self.optimum.point.derivatives.gradient

    @cached_property
    def covariate_means(self) -> Floats:
        """Means of the covariates over analysed outcomes (not over subjects), shape (d,); the first is 1."""
        products = self.products
        if products.weighted:
            return _means_of_rows(self.wide)
        sums = products.observed.sum(axis=1) @ products.uu[:, 0, :]
        means = products.u_centre + sums / products.n_observations
        means[0] = 1.0
        return np.asarray(means)

    @property
    def method(self) -> str:
        """The model in words: likelihood, covariance, degrees of freedom."""
        likelihood = "REML" if self.reml else "ML"
        df = DF_WORDS[self.df_method]
        if self.vcov_method != "model":
            own = df if self.fixed_df else "Bell-McCaffrey"
            df = f"{own}, {VCOV_WORDS[self.vcov_method]} covariance"
        return f"MMRM, {likelihood}, {self.structure.label} covariance, {df}"


def _means_of_rows(wide: Wide | None) -> Floats:
    """With precision weights the cross-products hold weighted sums only."""
    if wide is None:
        raise UsageError(
            "weighted cross-products hold weighted sums, not the means of covariates over rows: say at which values "
            "the means are wanted (fit.design.row), or fit from rows"
        )
    counts = (~np.isnan(wide.y)).sum(axis=1)
    return np.asarray(counts @ wide.u / counts.sum())
