"""When patients enter and come, who leaves the study and why, and what they leave blank."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from armwise.protocol.model import Protocol
from armwise.simulate.assumptions import Assumptions
from armwise.simulate.people import People
from armwise.simulate.streams import stream

Days = NDArray[np.int64]
Texts = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Attendance:
    """Dates as proleptic ordinals (`date.toordinal`), one row a patient, one column a visit.

    Attributes:
        enrolled, zero: day of enrolment, day from which visits count.
        day: day of each visit, whether it took place or not.
        came: whether it took place.
        left: day on which the patient left the study; 0 for those who did not.
        left_reason: why, or "".
    """

    enrolled: Days
    zero: Days
    day: Days
    came: NDArray[np.bool_]
    left: Days
    left_reason: Texts

    def until(self) -> Days:
        """Last day on which something of the patient can be known."""
        return np.where(self.left > 0, self.left, self.day[:, -1])


def iso(days: Days) -> list[str]:
    """Ordinals as ISO dates."""
    return [dt.date.fromordinal(int(d)).isoformat() for d in days]


def pick(rng: np.random.Generator, weights: Mapping[str, float], n: int) -> Texts:
    """n words drawn by their weights."""
    w = np.array(list(weights.values()), dtype=float)
    return np.array(list(weights))[rng.choice(len(w), size=n, p=w / w.sum())]


def attend(
    protocol: Protocol, assumptions: Assumptions, people: People, arms: tuple[str, ...], seed: int
) -> Attendance:
    """Dates and dropout of everyone who entered, in the order in which they entered."""
    n = len(people)
    rng = stream(seed, "dates")
    enrolment = assumptions.enrolment
    span = max(1, round(enrolment.months * 30.4375))
    enrolled = enrolment.first.toordinal() + np.sort(rng.integers(0, span, n))
    wait = np.zeros(n, dtype=np.int64)
    for arm, (low, high) in enrolment.days_to_time_zero.items():
        wait = np.where(people.arm == arms.index(arm), rng.integers(low, high + 1, n), wait)
    zero = enrolled + wait
    day = _visit_days(protocol, assumptions, enrolled, zero, rng)
    came, left, reason = _dropout(protocol, assumptions, people, arms, day, stream(seed, "dropout"))
    return Attendance(enrolled, zero, day, came, left, reason)


def _visit_days(
    protocol: Protocol, assumptions: Assumptions, enrolled: Days, zero: Days, rng: np.random.Generator
) -> Days:
    n, visits = len(zero), list(protocol.visits.values())
    day = np.zeros((n, len(visits)), dtype=np.int64)
    # The baseline answers are given on the day of enrolment, on or before time zero.
    day[:, 0] = enrolled
    for v, visit in enumerate(visits[1:], start=1):
        early, late = visit.window or (-3 * assumptions.visits.sd_of_days, 3 * assumptions.visits.sd_of_days)
        off = np.clip(np.rint(rng.normal(0, assumptions.visits.sd_of_days, n)), early, late)
        low, high = assumptions.visits.late_by
        too_late = late + rng.integers(low, high + 1, n)
        off = np.where(rng.random(n) < assumptions.visits.late, too_late, off)
        day[:, v] = np.maximum(zero + visit.day + off.astype(np.int64), day[:, v - 1] + 1)
    return day


def _dropout(
    protocol: Protocol,
    assumptions: Assumptions,
    people: People,
    arms: tuple[str, ...],
    day: Days,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], Days, Texts]:
    n, visits = len(people), list(protocol.visits)
    came = np.ones(day.shape, dtype=bool)
    left = np.zeros(n, dtype=np.int64)
    reason = np.full(n, "", dtype="U100")
    dropout = assumptions.missing.dropout
    if dropout is None:
        return came, left, reason
    log_odds = people.weighted(dropout.effects)
    reasons = pick(rng, dropout.reasons, n)
    for v, visit in enumerate(visits[1:], start=1):
        by_arm = np.array([dropout.by_arm.get(arm, {}).get(visit, 0.0) for arm in arms])
        goes = came[:, v - 1] & (rng.random(n) < _with_effect(by_arm[people.arm], log_odds))
        came[:, v:] &= ~goes[:, None]
        between = (
            day[:, v - 1] + 1 + np.floor(rng.random(n) * (day[:, v] - day[:, v - 1] - 1)).astype(np.int64)
        )
        left = np.where(goes, between, left)
        reason = np.where(goes, reasons, reason)
    return came, left, reason


def _with_effect(share: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share, moved by log odds; 0 stays 0."""
    odds = share / np.maximum(1 - share, 1e-12) * np.exp(log_odds)
    return odds / (1 + odds)
