"""Newton's method on the exact observed information, in a chart that keeps the covariance positive definite.

The unstructured covariance is written Sigma = L exp(T) L' with L the Cholesky factor at the current point and T
symmetric: free of units and of the order of visits, always positive definite, and for complete data the likelihood is
concave along such curves (Wiesel 2012, IEEE Trans. Signal Process. 60:6182-6189). A structure moves in its own
parameters. The step is limited, halved until the likelihood rises, and replaced by Fisher's where the observed
information is not positive definite.

It stops on the Newton decrement g' I^-1 g, the squared distance from the optimum in standard errors of the parameters:
below 1e-20 every parameter is within 1e-10 of its standard error, whatever its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from armwise.errors import FitError
from armwise.stats.repeated.covariance import Structure, correlations
from armwise.stats.repeated.lapack import cholesky, inverse_lower, solve_positive
from armwise.stats.repeated.likelihood import Point, evaluate, pairs
from armwise.stats.repeated.moments import Moments

Floats = NDArray[np.float64]

CONVERGED = 1e-20
#: A decrement below this that no longer falls tenfold has reached the rounding of the cross-products.
ROUNDING = 1e-9
MOST_ITERATIONS = 100
#: Smallest eigenvalue of the correlation matrix under which a fit that keeps falling is called singular.
SINGULAR = 1e-6
#: The same where the optimiser has nowhere to go.
FAILED = 1e-4
#: Ratio of the information's eigenvalues under which a direction is not identified: sound fits stay above 5e-9.
FLAT = 1e-9
#: Outcomes a coefficient above which coefficients are few.
FEW = 50
#: A step of a parameter that is longer than this is not the last one, however little the likelihood gains.
LONG_STEP = 0.5
#: No step changes a variance by more than a factor exp(3).
LONGEST_STEP = 3.0
#: Below this length of the step in T, exp(T) is taken by its first terms.
SHORT_STEP = 0.5


class StoppedError(FitError):
    """The optimiser stopped without an optimum, at `sigma` (G, m, m); the rows may tell more than their sums."""

    def __init__(
        self, sigma: Floats, message: str, kind: Literal["singular", "not converged"], names: Sequence[str]
    ) -> None:
        self.sigma = sigma
        super().__init__(message, kind, names)


@dataclass(frozen=True)
class Names:
    """Of the visits and of the covariance groups, for messages."""

    visits: tuple[str, ...]
    groups: tuple[str, ...] = ("",)


@dataclass(frozen=True, eq=False)
class Optimum:
    """The maximum of the likelihood.

    Attributes:
        point: the likelihood there.
        theta: shape (G, k), parameters of a structure; None for the unstructured covariance.
        evaluations: how often the likelihood was computed.
        decrement: Newton's decrement there.
    """

    point: Point
    theta: Floats | None
    evaluations: int
    decrement: float


def maximise(
    moments: Moments,
    structure: Structure,
    distance: Floats,
    start: Floats,
    names: Names,
    reml: bool = True,
    anchor: Floats | None = None,
) -> Optimum:
    """The covariance with the largest likelihood.

    Args:
        moments: of the data.
        structure: of the covariance.
        distance: shape (m, m), between visits; used by the spatial exponential.
        start: shape (G, m, m), positive definite.
        names: for messages.
        reml: restricted likelihood, or maximum likelihood.
        anchor: shape (G, m, m), Cholesky factors that the covariance is relative to, when rows were whitened with them.

    Raises:
        FitError: singular, not identified, or not converged.
    """
    chart: _Affine | _Parameters
    chart = _Affine(start) if structure.is_unstructured else _Parameters.near(structure, distance, start)
    point = evaluate(moments, chart.sigma, reml)
    if point is None:
        raise FitError(
            "the likelihood cannot be computed at the start: the residuals of some visits are functions of each other; "
            "was a visit entered twice?",
            "singular", names.visits,
        )  # fmt: skip
    evaluations, before, slow = 1, np.inf, 0
    # With few coefficients an information without their part is as good for the first step, and costs half.
    rough = anchor is None and FEW * moments.rank < moments.n_observations
    for _ in range(MOST_ITERATIONS):
        g, information = chart.derivatives(point, rough)
        factor = _factor(information)
        concave = factor is not None
        if factor is None and (factor := _factor(chart.expected(point))) is None:
            raise _no_information(point, chart.expected(point), structure, anchor, names)
        step = solve_positive(factor, g)
        decrement = float(g @ step)
        if rough and decrement < ROUNDING:  # the start is the optimum already
            rough = False
            continue
        if decrement < ROUNDING:
            if np.abs(step).max() > LONG_STEP:
                raise _at_the_end_of_its_range(structure, names)
            if concave and (decrement < CONVERGED or decrement > 0.1 * before):
                if structure.is_unstructured and _flat(information, factor):
                    raise _no_information(point, information, structure, anchor, names)
                return Optimum(point, chart.theta, evaluations, decrement)
            if decrement < CONVERGED:
                raise _stopped(point, anchor, names, "the gradient is zero, but not at a maximum")
        # Towards a singular covariance each step gains a constant factor, never the square of the last one.
        slow = slow + 1 if decrement > 0.05 * before else 0
        if slow >= 3 and _near_singular(seen := unanchored(point.sigma, anchor)):
            raise singular(seen, names)
        before = decrement
        found, tried = _line_search(chart, point, step, decrement)
        evaluations += tried
        if found is None:
            raise _stopped(point, anchor, names, f"no step raises the likelihood (decrement {decrement:.1e})")
        chart, point, rough = *found, False
    raise _stopped(point, anchor, names, f"{MOST_ITERATIONS} iterations (decrement {decrement:.1e})")


def unanchored(S: Floats, anchor: Floats | None) -> Floats:
    """The covariance L0 S L0' of outcomes, from that of whitened ones."""
    return S if anchor is None else np.asarray(anchor @ S @ anchor.transpose(0, 2, 1))


def _line_search(
    chart: _Affine | _Parameters, point: Point, step: Floats, decrement: float
) -> tuple[tuple[_Affine | _Parameters, Point] | None, int]:
    """Where a step that raises the likelihood leads, and how many points were tried."""
    fraction, tried = chart.limit(step), 0
    slack = 1e-12 * abs(point.loglik)
    while fraction > 1e-10:
        moved = chart.moved(point, fraction * step)
        tried += 1
        found = evaluate(point.moments, moved.sigma, point.reml)
        # Near the optimum the rise is smaller than the rounding of the likelihood, while the gradient is still exact.
        if found is not None and (
            decrement < 1e-6 or found.loglik >= point.loglik + 1e-4 * fraction * decrement - slack
        ):
            return (moved, found), tried
        fraction /= 2
    return None, tried


@dataclass(frozen=True, eq=False)
class _Affine:
    """All variances and covariances, by T in Sigma = L exp(T) L' around the current point."""

    sigma: Floats
    theta = None

    def derivatives(self, point: Point, rough: bool) -> tuple[Floats, Floats]:
        """The gradient, and the information; a rough one is good enough for the first step."""
        d = point.derivatives
        groups, m = d.gradient.shape[:2]
        dup = pairs(m)[2]
        g = (d.gradient.reshape(groups, -1) @ dup).ravel()
        return g, d.observed(exponential=True, of_patterns=rough)

    def expected(self, point: Point) -> Floats:
        return point.derivatives.expected()

    def limit(self, step: Floats) -> float:
        return 1.0  # in `moved`, where the eigenvalues are known

    def moved(self, point: Point, step: Floats) -> _Affine:
        groups, m = point.sigma.shape[:2]
        T = (step.reshape(groups, -1) @ pairs(m)[2].T).reshape(groups, m, m)
        if float(step @ step) < SHORT_STEP**2:
            # Agrees with exp(T / 2) to second order, which is what Newton's method needs, and costs a fifth.
            half = point.L @ (np.eye(m) + 0.5 * T + 0.125 * (T @ T))
        else:
            values, vectors = np.linalg.eigh(T)
            values = values * min(1.0, LONGEST_STEP / np.abs(values).max())
            half = point.L @ (vectors * np.exp(values / 2)[:, None, :])
        return _Affine(np.asarray(half @ half.transpose(0, 2, 1)))


@dataclass(frozen=True, eq=False)
class _Parameters:
    """A structure's parameters theta (G, k), with Sigma and its derivatives of each group."""

    structure: Structure
    distance: Floats
    theta: Floats
    parts: list[tuple[Floats, Floats, Floats]]

    @classmethod
    def at(cls, structure: Structure, distance: Floats, theta: Floats) -> _Parameters:
        return cls(structure, distance, theta, [structure.at(t, distance) for t in theta])

    @classmethod
    def near(cls, structure: Structure, distance: Floats, sigma: Floats) -> _Parameters:
        return cls.at(structure, distance, np.array([structure.start(s, distance) for s in sigma]))

    @property
    def sigma(self) -> Floats:
        return np.array([sigma for sigma, _, _ in self.parts])

    def derivatives(self, point: Point, rough: bool) -> tuple[Floats, Floats]:
        return pulled_back(point, self.parts)

    def expected(self, point: Point) -> Floats:
        J = jacobian(point, [first for _, first, _ in self.parts])
        return np.asarray(J.T @ point.derivatives.expected() @ J)

    def limit(self, step: Floats) -> float:
        return min(1.0, LONGEST_STEP / 2 / float(np.abs(step).max()))

    def moved(self, point: Point, step: Floats) -> _Parameters:
        return _Parameters.at(self.structure, self.distance, self.theta + step.reshape(self.theta.shape))


def jacobian(point: Point, firsts: list[Floats]) -> Floats:
    """d T / d theta in the whitened coordinates of the point: shape (G m (m + 1) / 2, G k)."""
    m = point.sigma.shape[1]
    j, k, _ = pairs(m)
    blocks = []
    for L, first in zip(point.L, firsts, strict=True):
        Li = np.linalg.inv(L)
        blocks.append((Li @ first @ Li.T)[:, j, k].T)
    return np.asarray(blocks[0] if len(blocks) == 1 else block_diag(*blocks))


def pulled_back(point: Point, parts: list[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats]:
    """Gradient and observed information by theta, given each group's Sigma and its derivatives by theta."""
    d = point.derivatives
    J = jacobian(point, [first for _, first, _ in parts])
    dup = pairs(point.sigma.shape[1])[2]
    g = (d.gradient.reshape(len(parts), -1) @ dup).ravel()
    information = J.T @ d.observed() @ J
    at = 0
    for G, L, (_, first, second) in zip(d.gradient, point.L, parts, strict=True):
        Li = np.linalg.inv(L)
        size = len(first)
        information[at : at + size, at : at + size] -= np.tensordot(second, Li.T @ G @ Li, axes=2)
        at += size
    return J.T @ g, (information + information.T) / 2


def _factor(information: Floats) -> Floats | None:
    """Cholesky's factor, None where the matrix is not positive definite to working precision."""
    factor = cholesky(information)
    if factor is None or factor.diagonal().min() ** 2 < 1e-13 * information.diagonal().max():
        return None
    return factor


def _flat(information: Floats, factor: Floats) -> bool:
    """Whether the likelihood hardly changes in some direction of the whitened covariance."""
    # Traces bound the eigenvalues, and cost less.
    if np.square(inverse_lower(factor)).sum() * information.trace() < 1 / FLAT:
        return False
    values = np.linalg.eigvalsh(information)
    return bool(values[0] < FLAT * values[-1])


def smallest_correlation_eigenvalue(sigma: Floats) -> float:
    """Of all groups."""
    return float(np.linalg.eigvalsh(correlations(sigma)[1]).min())


def nearly_singular(point: Point, threshold: float) -> bool:
    """Whether the smallest eigenvalue of the correlations is below a threshold."""
    # Its inverse is at most the trace of the inverse correlations, which costs less than eigenvalues.
    traces = [
        float(np.add.reduce(inverse_lower(L) ** 2, axis=0) @ s.diagonal())
        for L, s in zip(point.L, point.sigma, strict=True)
    ]
    return max(traces) > 1 / threshold and smallest_correlation_eigenvalue(point.sigma) < threshold


def _near_singular(sigma: Floats, below: float = SINGULAR) -> bool:
    return smallest_correlation_eigenvalue(sigma) < below


def _weakest(sigma: Floats, visits: tuple[str, ...]) -> tuple[list[str], int]:
    """The visits that the smallest eigenvalue of the correlations is about, and the group."""
    values, vectors = np.linalg.eigh(correlations(sigma)[1])
    g = int(values[:, 0].argmin())
    direction = np.abs(vectors[g, :, 0])
    return [v for v, size in zip(visits, direction, strict=True) if size > 0.3], g


def singular(sigma: Floats, names: Names) -> FitError:
    """The error of a covariance that runs to one that is not positive definite, with the visits that it is about."""
    visits, g = _weakest(sigma, names.visits)
    where = f" in group {names.groups[g]}" if len(names.groups) > 1 else ""
    return StoppedError(
        sigma,
        f"singular covariance{where}: given the other visits, nothing is left of the variance at {', '.join(visits)} "
        "(the smallest eigenvalue of the correlations runs to zero); was a visit entered twice, or is one score a "
        "function of another? With few subjects and many missing visits, use a simpler covariance",
        "singular", visits,
    )  # fmt: skip


def _stopped(point: Point, anchor: Floats | None, names: Names, why: str) -> FitError:
    """The error of an optimiser that stopped short, which near a singular covariance is that."""
    seen = unanchored(point.sigma, anchor)
    if _near_singular(seen, FAILED):
        return singular(seen, names)
    return StoppedError(
        seen,
        f"not converged: {why}; look at the outcomes of {', '.join(_weakest(seen, names.visits)[0])}, or use a simpler "
        "covariance",
        "not converged",
        names.visits,
    )


def _at_the_end_of_its_range(structure: Structure, names: Names) -> FitError:
    return FitError(
        f"a parameter of the {structure.label} covariance runs to the end of its range and the likelihood keeps "
        "rising: the correlations do not have this form (a correlation at 0 or 1); use another structure",
        "not converged", names.visits,
    )  # fmt: skip


def _no_information(
    point: Point, information: Floats, structure: Structure, anchor: Floats | None, names: Names
) -> FitError:
    """The error of a covariance on which the data say nothing in some direction."""
    seen = unanchored(point.sigma, anchor)
    if _near_singular(seen, FAILED):
        return singular(seen, names)
    _, vectors = np.linalg.eigh(information)
    at = int(np.abs(vectors[:, 0]).argmax())
    if structure.is_unstructured:
        j, k, _ = pairs(len(names.visits))
        pair = at % len(j)
        found = sorted({names.visits[j[pair]], names.visits[k[pair]]}, key=names.visits.index)
        what = f"the covariance of {' and '.join(found)}" if len(found) > 1 else f"the variance at {found[0]}"
    else:
        found, what = [], f"parameter {at % (len(information) // len(seen)) + 1} of {structure.label}"
    return FitError(
        f"not identified: the data say nothing on {what}; use a simpler covariance", "not identified", found
    )
