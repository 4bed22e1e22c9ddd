"""What every part of `assumptions.yaml` has in common: closed keys, and a status and a source for its numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
#: covariate, covariate.category or form.score -> number.
Effects = dict[str, float]


class Part(BaseModel):
    """A part of the file: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Statement(Part):
    """Numbers that share one status and one source; `confirmed` names single ones of an assumed block."""

    status: Literal["confirmed", "assumed"]
    source: str = Field(min_length=1)
    confirmed: dict[str, Annotated[str, Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _exceptions_exist(self) -> Statement:
        if self.confirmed and self.status == "confirmed":
            raise ValueError(
                "`confirmed` names single numbers of an assumed block; here the whole block is confirmed"
            )
        numbers = self.plain()
        for place in self.confirmed:
            if take(numbers, place) is None:
                raise ValueError(f"`confirmed` names `{place}`, which is not in this block")
        return self

    def plain(self) -> dict[str, Any]:
        """The block without its status, sources and kind, as plain data."""
        beside = {"status", "source", "confirmed", "kind", "arm"}
        return self.model_dump(mode="json", exclude=beside, exclude_unset=True)


def take(numbers: dict[str, Any], place: str) -> Any:
    """What stands at a dotted place (`items.tnc.mean`), or None."""
    found: Any = numbers
    for key in place.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def one_of(*kinds: str) -> BeforeValidator:
    """A validator that says which kinds there are when `kind` is none of them."""

    def known(block: Any) -> Any:
        kind = block.get("kind") if isinstance(block, dict) else None
        if isinstance(block, dict) and kind not in kinds:
            found = "no `kind`" if kind is None else f"kind `{kind}`"
            raise ValueError(f"found {found}, expected one of {', '.join(kinds)}")
        return block

    return BeforeValidator(known)
