"""What a difference between arms may go with: the characteristics whose interaction with arm is estimated."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from armwise.protocol.section import Section


class Modifier(Section):
    """A characteristic whose interaction with arm is estimated: a covariate, or (for risks) a declared split."""

    covariate: str | None = None
    subgroup: str | None = None
    per: float = Field(default=1, gt=0)
    at: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_a_covariate(cls, data: Any) -> Any:
        return {"covariate": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_of_them(self) -> Modifier:
        if (self.covariate is None) == (self.subgroup is None):
            raise ValueError("say exactly one of covariate and subgroup")
        if self.subgroup and (self.per != 1 or self.at):
            raise ValueError("`per` and `at` belong to a covariate that is a number, not to a subgroup")
        return self
