"""Ordered categories compared in two arms: the proportional odds model.

With categories 1 to K in the order from worst to best and x the arm and the covariates of a subject,

    logit P(Y <= k) = alpha_k - x' beta,      k = 1 to K - 1,

so that exp(beta) of the arm is the odds ratio of a better category, the same at every cut between categories. Newton's
method on the likelihood, which is concave; the interval is that of the profile likelihood and p that of the
likelihood ratio, so that both agree. Whether the odds ratio is the same at every cut is looked into by one logistic
regression a cut and Brant's Wald test of the arm.

Source: McCullagh 1980, J R Stat Soc B 42:109 (the model); Pratt 1981, JASA 76:103 (concavity); Brant 1990, Biometrics
46:1171 (one regression a cut, their joint covariance).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, linprog
from scipy.special import chdtrc, expit, ndtr

from armwise.errors import UsageError
from armwise.stats.covariates import covariates_of, independent_columns
from armwise.stats.estimate import ODDS_RATIO, Estimate, check_conf_level
from armwise.stats.propensity_score import propensity
from armwise.stats.proportions import normal_quantile
from armwise.stats.samples import Bools, Floats, flags, same_length, sample

METHOD = "proportional odds, profile likelihood"
CUT_METHOD = "logistic regression at one cut, Wald"
ARM = "(arm)"
ITERATIONS = 100
FAR = 15.0
"""Linear predictors beyond this many log odds are looked into: separation drives them there."""
Codes = NDArray[np.int64]
SMALLEST_GROUP = 5
"""A cut with fewer subjects on one side is not looked at when the cuts are compared."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut between categories: the odds ratio of lying above it, by logistic regression with the same covariates.

    Attributes:
        above: the category above the cut (the lowest that counts as better).
        odds_ratio: without a p; "not estimable" where one side has fewer than five subjects, or they are separated.
    """

    above: float
    odds_ratio: Estimate


@dataclass(frozen=True, slots=True)
class ProportionalOdds:
    """Two arms compared by the proportional odds model.

    Attributes:
        odds_ratio: of a better category, arm against versus.
        log_se: Wald's standard error of its logarithm; None without an estimate.
        columns, coefficients: arm and covariates, log odds of a better category a unit.
        cuts: the categories' alphas, K - 1 of them.
        log_likelihood: at its maximum.
        by_cut: the same comparison at each cut alone.
        statistic, df, p: Brant's Wald test that the arm's odds ratio is the same at every cut; None with fewer than
            two cuts to compare.
    """

    odds_ratio: Estimate
    log_se: float | None
    columns: tuple[str, ...]
    coefficients: Floats
    cuts: Floats
    log_likelihood: float | None
    by_cut: tuple[Cut, ...] = ()
    statistic: float | None = None
    df: int | None = None
    p: float | None = None


def proportional_odds(
    y: ArrayLike,
    treated: ArrayLike,
    X: ArrayLike | Mapping[str, ArrayLike] | None = None,
    conf_level: float = 0.95,
    higher_is_better: bool = True,
) -> ProportionalOdds:
    """The odds ratio of a better category, adjusted for covariates, with its profile interval.

    Parameters:
        y: the categories as numbers, shape (n,), none missing; only their order counts.
        treated: who is in the arm (booleans or 0 and 1), shape (n,).
        X: covariates, shape (n, k) or name -> values (text and booleans become treatment contrasts); None: none.
        conf_level: 0.95 for 95 %.
        higher_is_better: False where a lower number is the better category.

    Returns:
        A ProportionalOdds; "not estimable" when everyone is in one category, or arm or covariates separate the
        categories so that the likelihood has no maximum.

    Raises:
        UsageError: missing values, lengths that differ, everybody in one arm.
    """
    check_conf_level(conf_level)
    values, z = sample(y, "y"), flags(treated, "treated")
    terms = covariates_of(X) if X is not None else []
    same_length({"y": values, "treated": z} | {f"covariate {term.name}": term.X for term in terms})
    if z.all() or not z.any():
        where = "the arm" if z.any() else "the arm compared with"
        raise UsageError(f"all {z.size} subjects are in {where}; a comparison needs both")
    code = np.unique(values if higher_is_better else -values, return_inverse=True)[1]
    columns = (ARM, *(c for term in terms for c in term.columns))
    raw = np.hstack([z[:, None].astype(np.float64), *(term.X for term in terms)])
    # a column that the arm and the intercept determine adds nothing to the cuts
    full = np.hstack([np.ones((len(z), 1)), raw])
    kept = [j - 1 for j in independent_columns(full) if j > 0]
    raw, columns = raw[:, kept], tuple(columns[j] for j in kept)
    refusal, fit = "", None
    if code.max() < 1:
        refusal = "everyone is in the same category"
    else:
        fit = _Model.of(code, raw).fit()
        refusal = fit.problem(columns)
    if refusal or fit is None:
        empty = _empty(METHOD, refusal, conf_level, z)
        return ProportionalOdds(empty, None, columns, np.empty(0), np.empty(0), None)
    return _compared(fit, columns, conf_level, code, z, raw, values, higher_is_better)


def _empty(method: str, why: str, conf_level: float, z: Bools) -> Estimate:
    n1 = int(z.sum())
    return Estimate.not_estimable(
        ODDS_RATIO, method, why, conf_level=conf_level, n=len(z), n_arm=n1, n_versus=len(z) - n1
    )


def _compared(
    fit: _Fit,
    columns: tuple[str, ...],
    conf_level: float,
    code: Codes,
    z: Bools,
    raw: Floats,
    values: Floats,
    higher_is_better: bool,
) -> ProportionalOdds:
    beta = fit.beta
    log_se = float(math.sqrt(fit.covariance[len(fit.alpha), len(fit.alpha)]) / fit.model.scale[0])
    lower, upper = (fit.limit(side, normal_quantile(conf_level), log_se) for side in (-1, 1))
    p = float(2 * ndtr(-math.sqrt(fit.ratio(0.0))))
    estimate = Estimate(
        math.exp(beta[0]), None, None, math.exp(lower), math.exp(upper), conf_level, p,
        len(z), int(z.sum()), int((~z).sum()), METHOD, ODDS_RATIO,
    )  # fmt: skip
    cuts, statistic, df, p_cuts = _by_cut(code, z, raw, values, conf_level, higher_is_better)
    return ProportionalOdds(
        estimate, log_se, columns, beta, fit.alpha_raw, fit.log_likelihood, cuts, statistic, df, p_cuts
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """The likelihood: each subject lies between an upper and a lower cut, the outermost cuts at infinity.

    The columns are standardised, which keeps Newton's steps well conditioned whatever the units.
    """

    code: Codes
    S: Floats
    centre: Floats
    scale: Floats
    U: Floats
    L: Floats

    @classmethod
    def of(cls, code: Codes, X: Floats) -> _Model:
        centre, scale = X.mean(axis=0), X.std(axis=0)
        S = (X - centre) / scale
        K = int(code.max()) + 1
        upper, lower = np.zeros((len(code), K - 1)), np.zeros((len(code), K - 1))
        below_top, above_bottom = code < K - 1, code > 0
        upper[below_top, code[below_top]] = 1.0
        lower[above_bottom, code[above_bottom] - 1] = 1.0
        U = np.hstack([upper, -S * below_top[:, None]])
        L = np.hstack([lower, -S * above_bottom[:, None]])
        return cls(code, S, centre, scale, U, L)

    @property
    def cuts(self) -> int:
        """K - 1."""
        return int(self.code.max())

    def start(self) -> Floats:
        """The log odds of the observed shares, no effects."""
        share = np.array([np.mean(self.code <= k) for k in range(self.cuts)])
        return np.concatenate([np.log(share / (1 - share)), np.zeros(self.S.shape[1])])

    def pieces(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """P(below the upper cut), P(below the lower cut), and the difference: each subject's probability."""
        upper = np.where(self.code < self.cuts, expit(self.U @ theta), 1.0)
        lower = np.where(self.code > 0, expit(self.L @ theta), 0.0)
        return upper, lower, upper - lower

    def log_likelihood(self, theta: Floats) -> float:
        """-inf where the cuts are out of order."""
        P = self.pieces(theta)[2]
        return float(np.log(P).sum()) if P.min() > 0 else -math.inf

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """Gradient and information (minus the second derivative) of the log likelihood."""
        upper, lower, P = self.pieces(theta)
        fu, fl = upper * (1 - upper), lower * (1 - lower)
        G = (fu[:, None] * self.U - fl[:, None] * self.L) / P[:, None]
        bent = (self.U * (fu * (1 - 2 * upper) / P)[:, None]).T @ self.U
        bent -= (self.L * (fl * (1 - 2 * lower) / P)[:, None]).T @ self.L
        return G.sum(axis=0), G.T @ G - bent

    def newton(self, theta: Floats, free: Bools) -> tuple[Floats, float, bool]:
        """Newton's method over the free parameters, with step halving."""
        value = self.log_likelihood(theta)
        for _ in range(ITERATIONS):
            gradient, information = self.derivatives(theta)
            if float(np.abs(gradient[free]).max(initial=0.0)) < 1e-10 * len(self.code):
                return theta, value, True
            try:
                step = np.linalg.solve(information[np.ix_(free, free)], gradient[free])
            except np.linalg.LinAlgError:
                return theta, value, False
            factor = 1.0
            while True:
                proposed = theta.copy()
                proposed[free] += factor * step
                now = self.log_likelihood(proposed)
                if now >= value - 1e-12 * abs(value) or factor < 1e-8:
                    break
                factor /= 2
            theta, value = proposed, now
        return theta, value, False

    def fit(self) -> _Fit:
        theta, value, converged = self.newton(self.start(), np.ones(self.U.shape[1], dtype=np.bool_))
        return _Fit(self, theta, value, converged)

    def separated(self) -> Bools | None:
        """The parameters of a direction along which the likelihood never falls, if there is one; else None."""
        signed = np.vstack([self.U[self.code < self.cuts], -self.L[self.code > 0]])
        bounds = [(-1, 1)] * signed.shape[1]
        found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=bounds)
        if not found.success or -found.fun < 1e-6:
            return None
        return np.asarray(np.abs(found.x) > 1e-7)


@dataclass(frozen=True, slots=True)
class _Fit:
    """The maximum, and the profile of the first coefficient (the arm) around it."""

    model: _Model
    theta: Floats
    log_likelihood: float
    converged: bool

    @property
    def alpha(self) -> Floats:
        """The cuts, for standardised columns."""
        return self.theta[: self.model.cuts]

    @property
    def beta(self) -> Floats:
        """Log odds of a better category, a unit of each column."""
        return np.asarray(self.theta[self.model.cuts :] / self.model.scale)

    @property
    def alpha_raw(self) -> Floats:
        """The cuts, for the columns as given."""
        return np.asarray(self.alpha + float(self.beta @ self.model.centre))

    @property
    def covariance(self) -> Floats:
        """Inverse information, standardised columns."""
        return np.asarray(np.linalg.inv(self.model.derivatives(self.theta)[1]))

    def problem(self, columns: tuple[str, ...]) -> str:
        """Why the maximum cannot be used, in words; empty when it can."""
        far = max(np.abs(self.model.U @ self.theta).max(), np.abs(self.model.L @ self.theta).max())
        if not self.converged or far > FAR:
            moved = self.model.separated()
            if moved is not None:
                which = [c for c, m in zip(columns, moved[self.model.cuts :], strict=True) if m]
                names = ["the arm" if c == ARM else c for c in which]
                named = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
                verb = "separate" if len(which) > 1 else "separates"
                return f"{named} {verb} the categories: the odds ratio has no finite estimate"
        return "" if self.converged else f"the model did not converge in {ITERATIONS} iterations"

    def ratio(self, b: float) -> float:
        """Twice the fall of the log likelihood when the arm's log odds ratio is held at b."""
        theta = self.theta.copy()
        theta[self.model.cuts] = b * self.model.scale[0]
        free = np.ones(len(theta), dtype=np.bool_)
        free[self.model.cuts] = False
        if not math.isfinite(self.model.log_likelihood(theta)):
            theta[free] = self.model.start()[free]
        return max(0.0, 2 * (self.log_likelihood - self.model.newton(theta, free)[1]))

    def limit(self, side: int, z: float, log_se: float) -> float:
        """The log odds ratio on one side at which the likelihood ratio is z squared."""
        centre = float(self.beta[0])
        step = z * log_se
        for _ in range(60):
            if self.ratio(centre + side * step) > z * z:
                break
            step *= 1.5
        else:
            return side * math.inf
        ends = sorted((centre, centre + side * step))
        return float(brentq(lambda b: self.ratio(b) - z * z, *ends, xtol=1e-11, rtol=1e-13))


def _by_cut(
    code: Codes, z: Bools, raw: Floats, values: Floats, conf_level: float, higher_is_better: bool
) -> tuple[tuple[Cut, ...], float | None, int | None, float | None]:
    """Logistic regressions at each cut, and Brant's Wald test that the arm's coefficient is the same in all."""
    quantile = normal_quantile(conf_level)
    n1 = int(z.sum())
    cuts: list[Cut] = []
    found: list[tuple[float, Floats, Floats, Floats]] = []
    for k in range(1, int(code.max()) + 1):
        above = code >= k
        category = float(values[above].min() if higher_is_better else values[above].max())
        fewest = int(min(above.sum(), (~above).sum()))
        fit = propensity(raw, above) if fewest >= SMALLEST_GROUP else None
        if fit is None or fit.problem:
            few = f"only {fewest} subject{'s' * (fewest != 1)} on one side"
            why = "arm or covariates separate the two sides" if fit else few
            cuts.append(Cut(category, _empty(CUT_METHOD, why, conf_level, z)))
            continue
        weight = fit.scores * (1 - fit.scores)
        inverse = np.asarray(np.linalg.inv((fit.X * weight[:, None]).T @ fit.X), dtype=np.float64)
        b, se = float(fit.coefficients[1]), math.sqrt(inverse[1, 1])
        found.append((b, inverse, fit.scores, fit.X))
        cuts.append(
            Cut(
                category,
                Estimate(
                    math.exp(b), None, None, math.exp(b - quantile * se), math.exp(b + quantile * se), conf_level,
                    None, len(z), n1, len(z) - n1, CUT_METHOD, ODDS_RATIO,
                ),
            )
        )  # fmt: skip
    if len(found) < 2:
        return tuple(cuts), None, None, None
    try:
        statistic, df = _brant(found)
    except np.linalg.LinAlgError:  # two cuts whose odds ratios vary together: nothing to compare
        return tuple(cuts), None, None, None
    if not statistic >= 0:  # an estimated covariance may be none
        return tuple(cuts), None, None, None
    return tuple(cuts), statistic, df, float(chdtrc(df, statistic))


def _brant(found: list[tuple[float, Floats, Floats, Floats]]) -> tuple[float, int]:
    """Wald's statistic that one coefficient is equal in all regressions, with their joint covariance.

    Source: Brant 1990, equations 4 and 5: cov(b_j, b_k) = (X'W_j X)^-1 X'W_jk X (X'W_k X)^-1 with
    W_jk = P(above the higher cut) - P(above j) P(above k).
    """
    m = len(found)
    V = np.zeros((m, m))
    for j in range(m):
        for k in range(j, m):
            (_, A, p, X), (_, B, q, _) = found[j], found[k]
            shared = np.minimum(p, q) if j == k else q  # above the higher cut is above both
            W = shared - p * q
            V[j, k] = V[k, j] = (A @ ((X * W[:, None]).T @ X) @ B)[1, 1]
    b = np.array([f[0] for f in found])
    D = np.diff(np.eye(m), axis=0)
    contrast = D @ b
    return float(contrast @ np.linalg.solve(D @ V @ D.T, contrast)), m - 1
