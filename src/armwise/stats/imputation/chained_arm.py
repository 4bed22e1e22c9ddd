"""The chain of regressions in one arm: which regressions, the start, and the cycles of many imputations together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.errors import UsageError
from armwise.stats.imputation.normal_draws import Regression, normal_draw
from armwise.stats.imputation.probit_draws import first_latent, probit_draw, probit_normals, probit_uniforms

Floats = NDArray[np.float64]

#: Smallest arm in which the ridge prior was studied, and the smallest for a flat prior.
SMALL_ARM, SMALL_FLAT_ARM = 20, 60
#: Degrees of freedom of a residual variance below which its draws vary wildly.
FEW_DF = 4.0


@dataclass(frozen=True, eq=False)
class ArmChain:
    """One arm, ready to be imputed.

    Attributes:
        arm: its name, empty when there are no arms.
        names: of the v variables.
        data: shape (n, v), NaN where missing.
        mean, sd: shape (v,), of the observed values; a constant variable has SD 1 here and is no predictor.
        regressions: one a variable with gaps, in the order of the columns; constant variables have none.
        binary: numbers of the regressions that are probit ones.
        cycles, prior_subjects: of the chain.
        notes: what a reader must know.
    """

    arm: str
    names: tuple[str, ...]
    data: Floats
    mean: Floats
    sd: Floats
    regressions: tuple[Regression, ...]
    binary: frozenset[int]
    cycles: int
    prior_subjects: float
    notes: tuple[str, ...]

    @property
    def drawn(self) -> tuple[str, ...]:
        """Variables whose gaps are drawn."""
        return tuple(r.name for r in self.regressions)

    def df_notes(self, df: Mapping[tuple[str, str], float]) -> list[str]:
        """Variables with hardly a degree of freedom for their residual variance."""
        return [
            f"{_where(self.arm)}{n}: {df[self.arm, n]:.1f} degrees of freedom for the residual variance; imputed "
            "values vary wildly"
            for n in self.drawn
            if df.get((self.arm, n), np.inf) < FEW_DF
        ]

    def run(self, generators: Sequence[np.random.Generator]) -> list[tuple[Floats, Floats, Floats]]:
        """For each generator: the imputed entries in row-major order, chain means (cycles, g), fewest df (g,)."""
        m = len(generators)
        z = np.repeat(self._standardised()[None], m, axis=0)
        self._start(z, generators)
        latents = {g: first_latent(self._ones(self.regressions[g]), m) for g in self.binary}
        means = np.empty((m, self.cycles, len(self.regressions)))
        df = np.full((m, len(self.regressions)), np.inf)
        normals, uniforms = self._random(generators)
        at = [0, 0]
        for cycle in range(self.cycles):
            for g, r in enumerate(self.regressions):
                size = self._sizes(g)
                e, u = (
                    draws[:, start : start + count]
                    for draws, start, count in zip((normals, uniforms), at, size, strict=True)
                )
                at = [start + count for start, count in zip(at, size, strict=True)]
                j = r.column - 1
                if g in self.binary:
                    ones, latents[g] = probit_draw(z, r, self._ones(r), latents[g], self.prior_subjects, e, u)
                    new = (ones - self.mean[j]) / self.sd[j]
                else:
                    new, left = normal_draw(z, r, self.prior_subjects, e, u[:, 0])
                    df[:, g] = np.minimum(df[:, g], left)
                z[:, r.missing, r.column] = new
                means[:, cycle, g] = self.mean[j] + self.sd[j] * new.mean(axis=1)
        rows, columns = np.nonzero(np.isnan(self.data))
        found = self.mean[columns] + self.sd[columns] * z[:, rows, columns + 1]
        whole = np.isin(self.names, [self.regressions[g].name for g in self.binary])
        found = np.where(whole[columns], np.round(found), found)  # standardising back leaves 0.9999999
        return list(zip(found, means, df, strict=True))

    def _standardised(self) -> Floats:
        z = np.ones((self.data.shape[0], self.data.shape[1] + 1))
        z[:, 1:] = (self.data - self.mean) / self.sd
        z[:, 1:][:, np.isnan(self.data).any(axis=0) & self._constant()] = 0.0
        return z

    def _constant(self) -> NDArray[np.bool_]:
        return np.asarray(np.nanmax(self.data, axis=0) == np.nanmin(self.data, axis=0))

    def _ones(self, r: Regression) -> NDArray[np.bool_]:
        return np.asarray(self.data[r.observed, r.column - 1] == 1.0)

    def _start(self, z: Floats, generators: Sequence[np.random.Generator]) -> None:
        """Gaps are filled with observed values of the variable, drawn at random."""
        for i, rng in enumerate(generators):
            for r in self.regressions:
                z[i, r.missing, r.column] = rng.choice(z[i, r.observed, r.column], len(r.missing))

    def _sizes(self, g: int) -> tuple[int, int]:
        r = self.regressions[g]
        return (probit_normals(r), probit_uniforms(r)) if g in self.binary else (r.normals, 1)

    def _random(self, generators: Sequence[np.random.Generator]) -> tuple[Floats, Floats]:
        """All random numbers of the chain: one call a generator is quicker than one a regression."""
        sizes = np.array([self._sizes(g) for g in range(len(self.regressions))], dtype=int).reshape(-1, 2)
        total = self.cycles * sizes.sum(axis=0)
        normals = np.stack([rng.standard_normal(total[0]) for rng in generators])
        return normals, np.stack([rng.random(total[1]) for rng in generators])


def arm_chain(
    data: Floats,
    names: tuple[str, ...],
    binary: frozenset[str],
    arm: str,
    cycles: int,
    prior_subjects: float,
) -> ArmChain:
    """The regressions of an arm.

    Raises:
        UsageError: a binary variable with gaps and a flat prior, under which its coefficients may be infinite.
    """
    mean, sd = np.nanmean(data, axis=0), np.ones(len(names))
    varies = np.nanmax(data, axis=0) > np.nanmin(data, axis=0)
    sd[varies] = np.nanstd(data[:, varies], axis=0, ddof=1)
    gaps = np.isnan(data)
    notes = _notes(data, names, arm, prior_subjects)
    regressions: list[Regression] = []
    probit: set[int] = set()
    for j in np.flatnonzero(gaps.any(axis=0) & varies):
        others = [0, *(k + 1 for k in np.flatnonzero(varies) if k != j)]
        if names[j] in binary:
            if prior_subjects == 0:
                raise UsageError(
                    f"{names[j]} is binary and has gaps; its regression needs prior_subjects above 0"
                )
            probit.add(len(regressions))
        regressions.append(
            Regression(
                names[j], arm, int(j) + 1, np.array(others),
                np.flatnonzero(~gaps[:, j]), np.flatnonzero(gaps[:, j]),
            )
        )  # fmt: skip
    return ArmChain(
        arm,
        names,
        data,
        mean,
        sd,
        tuple(regressions),
        frozenset(probit),
        cycles,
        prior_subjects,
        tuple(notes),
    )


def _notes(data: Floats, names: tuple[str, ...], arm: str, prior_subjects: float) -> list[str]:
    """Few subjects, few observed, constant variables."""
    where, n, gaps = _where(arm), len(data), np.isnan(data)
    out: list[str] = []
    if not gaps.any():
        return out
    if prior_subjects == 0 and n < SMALL_FLAT_ARM:
        out.append(f"{where}{n} subjects and a flat prior: unstable below about {SMALL_FLAT_ARM}")
    elif n < SMALL_ARM:
        out.append(f"{where}{n} subjects: the prior was studied with {SMALL_ARM} and more in an arm")
    for j in np.flatnonzero(np.nanmax(data, axis=0) == np.nanmin(data, axis=0)):
        if gaps[:, j].any():
            out.append(
                f"{where}{names[j]} has one value only, {np.nanmax(data[:, j]):g}: its {gaps[:, j].sum()} gaps got it "
                "without any uncertainty"
            )
        else:
            out.append(
                f"{where}{names[j]} has one value only, {np.nanmax(data[:, j]):g}: left out of the regressions"
            )
    return out


def _where(arm: str) -> str:
    return f"arm {arm}, " if arm else ""
