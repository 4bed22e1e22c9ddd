"""Responders by several thresholds, and the anchor that says what change patients call an improvement."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from armwise.protocol.plan import Improvement
from armwise.protocol.section import Reference, Section, Visits


class Threshold(Improvement):
    """A threshold from elsewhere, with its source; `confirmed` where it was read there."""

    source: str = Field(min_length=1)
    status: Literal["confirmed", "unconfirmed"]

    @property
    def words(self) -> str:
        """`at least 10`, `more than 30%`: which threshold it is, in a row's key and in a table."""
        return f"{'more than' if self.strict else 'at least'} {self.amount}"


class Thresholds(Section):
    """One score, several thresholds side by side, compared like an analysis of responders."""

    score: Reference
    at: Visits
    like: str
    label: str = ""
    of: tuple[Threshold, ...] = Field(min_length=1)
    seed: int = Field(default=1, ge=0)
    replicates: int = Field(default=2000, ge=200, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _one_visit_may_be_a_word(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("at"), str):
            data = {**data, "at": [data["at"]]}
        return data

    @model_validator(mode="after")
    def _each_once(self) -> Thresholds:
        words = [threshold.words for threshold in self.of]
        twice = sorted({w for w in words if words.count(w) > 1})
        if twice:
            raise ValueError(f"the threshold {', '.join(twice)} stands twice; leave one out")
        return self


class Anchor(Section):
    """A patients' own rating of their change, and the score whose minimal important change it tells."""

    rating: Reference
    improved: tuple[int, ...] = Field(min_length=1)
    score: Reference
    at: str
    label: str = ""
    seed: int = Field(default=1, ge=0)
    replicates: int = Field(default=1000, ge=200, le=100_000)
