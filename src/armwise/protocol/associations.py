"""Associations within an arm: an outcome with one measure, as `protocol.yaml` may write them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from armwise.protocol.section import Section

#: A covariate; `form.item` or `form.score` at baseline; `dose.measure` or `ratio.name` of the cell product.
Measured = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]


class Association(Section):
    """How an outcome goes with one measure among the subjects of an arm: described, not assigned."""

    endpoint: str
    at: str
    arm: str
    measure: Measured
    role: Literal["secondary", "exploratory"] = "exploratory"
    label: str = ""
    scale: Literal["linear", "log2", "log10"] = "linear"
    zero: Literal["half-smallest-positive", "left-out"] | None = None
    per: float = Field(default=1, gt=0)
    adjusted_for: tuple[str, ...] = ()
    spline: bool = False
    cuts: tuple[float, ...] = ()
    conf_level: float = Field(default=0.95, gt=0.5, lt=1)
    power: float = Field(default=0.8, ge=0.5, lt=1)

    @model_validator(mode="after")
    def _parts_fit_the_scale(self) -> Association:
        if self.scale == "linear" and self.zero:
            raise ValueError("`zero` says what the logarithm of a zero is: it belongs to scale log2 or log10")
        if self.scale != "linear" and self.per != 1:
            raise ValueError("on a logarithmic scale a step is a doubling or a tenfold: leave `per` out")
        return self
