"""Latent scores -> the answers to each item, so that scoring is exercised.

An item with answers lo..hi has hi - lo steps, placed evenly on a common severity scale from 0 to 1 and moved by
the item's, the patient's and the visit's own deviation (a graded response with equal discrimination). Taking
the steps in their order, from the lowest to the highest, gives for each patient and visit a chain of answer
sheets from one end of the questionnaire to the other. The instrument scores every sheet of the chain, and the
sheet whose score is nearest to the latent score is the patient's. So the model needs no knowledge of a scoring
rule: sums, T-scores and value sets are all reached through `armwise.instruments.score`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from armwise.instruments.definition import Instrument, ScoreDef
from armwise.instruments.scoring import score
from armwise.simulate.assumptions import Answers
from armwise.simulate.people import Vector

Options = Mapping[str, object]
#: Answer sheets that are scored at once.
_SHEETS = 400_000


def reachable(instrument: Instrument, options: Options, name: str) -> tuple[float, float]:
    """The scores of the worst and the best sheet, lower first: the range that a latent score is cut to."""
    one = instrument.score(name)
    up = _orientation(instrument, options, one)
    ends = _scored(
        instrument,
        options,
        name,
        {
            code: np.array([item.lo, item.hi] if up[code] else [item.hi, item.lo])
            for code, item in ((c, instrument.item(c)) for c in one.rule.items)
        },
    )
    return float(min(ends)), float(max(ends))


def draw_answers(
    instrument: Instrument,
    options: Options,
    targets: Mapping[str, Vector],
    spread: Answers,
    rng: np.random.Generator,
) -> dict[str, Vector]:
    """Answers whose scores are as near as the instrument allows to the latent scores.

    Args:
        instrument: the instrument.
        options: its options as the protocol gives them.
        targets: score -> latent scores, n patients x v visits; their items must not overlap.
        spread: SDs of the items', patients' and visits' deviations, in shares of an item's range.
        rng: the generator.

    Returns:
        item -> answers, n x v. Items that enter none of the scores follow the mean severity of the scores.
    """
    answers: dict[str, Vector] = {}
    positions: list[Vector] = []
    for name, target in targets.items():
        one = instrument.score(name)
        if one.rule.name == "single" and not one.rule.recode and one.rule.lookup is None:
            item = instrument.item(one.rule.items[0])
            kept = np.clip(target, item.lo, item.hi)
            answers[item.code] = np.rint(kept) if item.integer else np.round(kept, 1)
            continue
        up = _orientation(instrument, options, one)
        sheet, position = _nearest_sheets(instrument, options, one, up, target, spread, rng)
        answers |= sheet
        positions.append(position)
    rest = [item.code for item in instrument.items if item.code not in answers]
    if rest and positions:
        answers |= _follow(instrument, rest, np.mean(positions, axis=0), spread, rng)
    return {item.code: answers[item.code] for item in instrument.items if item.code in answers}


def _orientation(instrument: Instrument, options: Options, one: ScoreDef) -> dict[str, bool]:
    """item -> whether a higher answer gives a higher score, the other items being in the middle."""
    codes = one.rule.items
    if one.rule.name == "single" and not one.rule.recode and one.rule.lookup is None:
        return dict.fromkeys(codes, True)
    # Two sheets an item: its lowest and its highest answer, everything else in the middle.
    sheets: dict[str, Vector] = {}
    for j, code in enumerate(codes):
        item = instrument.item(code)
        sheets[code] = np.full(2 * len(codes), np.floor((item.lo + item.hi) / 2))
        sheets[code][2 * j : 2 * j + 2] = item.lo, item.hi
    scores = _scored(instrument, options, one.name, sheets)
    return {code: bool(scores[2 * j + 1] >= scores[2 * j]) for j, code in enumerate(codes)}


def _scored(
    instrument: Instrument, options: Options, name: str, sheets: Mapping[str, NDArray[np.generic]]
) -> Vector:
    done = score(pl.DataFrame(dict(sheets)), instrument, prefix="", options=options, scores=[name])
    return done[name].to_numpy()


def _steps(instrument: Instrument, codes: tuple[str, ...]) -> tuple[NDArray[np.int64], Vector]:
    """For every step: the index of its item, and its place on the severity scale."""
    index: list[int] = []
    place: list[float] = []
    for j, code in enumerate(codes):
        levels = round(instrument.item(code).hi - instrument.item(code).lo)
        index += [j] * levels
        place += [(level + 0.5) / levels for level in range(levels)]
    return np.array(index), np.array(place)


def _deviations(shape: tuple[int, int, int], spread: Answers, rng: np.random.Generator) -> Vector:
    """n x v x items."""
    n, _, items = shape
    item = spread.items * rng.standard_normal((1, 1, items))
    patient = spread.patient * rng.standard_normal((n, 1, items))
    return np.asarray(item + patient + spread.visit * rng.standard_normal(shape))


def _nearest_sheets(
    instrument: Instrument,
    options: Options,
    one: ScoreDef,
    up: Mapping[str, bool],
    target: Vector,
    spread: Answers,
    rng: np.random.Generator,
) -> tuple[dict[str, Vector], Vector]:
    """The sheets (item -> n x v), and how far along the chain each stands (0 to 1)."""
    codes = one.rule.items
    of_item, place = _steps(instrument, codes)
    n, v = target.shape
    moved = _deviations((n, v, len(codes)), spread, rng).reshape(n * v, len(codes))
    wanted = target.reshape(-1)
    # Sheets with the same score are told apart at random, by less than any difference between scores.
    tie = rng.random((n * v, len(place) + 1)) * 1e-9
    chosen = np.zeros((n * v, len(codes)))
    position = np.zeros(n * v)
    block = max(1, _SHEETS // (len(place) + 1))
    for start in range(0, n * v, block):
        rows = slice(start, min(start + block, n * v))
        order = of_item[np.argsort(place - moved[rows][:, of_item], axis=1, kind="stable")]
        taken = np.zeros((order.shape[0], len(place) + 1, len(codes)), dtype=np.int16)
        for j in range(len(codes)):
            np.cumsum(order == j, axis=1, out=taken[:, 1:, j])
        sheets = {c: _answer(instrument, c, up[c], taken[:, :, j]) for j, c in enumerate(codes)}
        scores = _scored(instrument, options, one.name, {c: s.ravel() for c, s in sheets.items()})
        distance = np.abs(scores.reshape(order.shape[0], -1) - wanted[rows, None])
        best = (np.where(np.isfinite(distance), distance, np.inf) + tie[rows]).argmin(axis=1)
        for j, c in enumerate(codes):
            chosen[rows, j] = sheets[c][np.arange(len(best)), best]
        position[rows] = best / len(place)
    return {c: chosen[:, j].reshape(n, v) for j, c in enumerate(codes)}, position.reshape(n, v)


def _answer(instrument: Instrument, code: str, up: bool, steps: NDArray[np.int16]) -> Vector:
    item = instrument.item(code)
    return np.asarray(item.lo + steps if up else item.hi - steps, dtype=np.float64)


def _follow(
    instrument: Instrument, codes: list[str], position: Vector, spread: Answers, rng: np.random.Generator
) -> dict[str, Vector]:
    """Answers of the items that enter no declared score: higher where the scores are higher."""
    n, v = position.shape
    moved = _deviations((n, v, len(codes)), spread, rng)
    answers: dict[str, Vector] = {}
    for j, code in enumerate(codes):
        item = instrument.item(code)
        levels = item.hi - item.lo
        steps = np.clip(np.rint((position + moved[:, :, j]) * levels), 0, levels)
        answers[code] = item.lo + steps
    return answers
