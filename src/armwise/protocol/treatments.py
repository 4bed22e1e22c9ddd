"""Treatments received, as `protocol.yaml` declares them: conventional care by kind, and the procedure's injections."""

from __future__ import annotations

from pydantic import Field, model_validator

from armwise.protocol.section import Name, Section


class Care(Section):
    """Where conventional care stands: one record a subject and kind, by visit or with first and last day."""

    form: Name = "care"
    kind: Name = "kind"
    start: Name | None = None
    stop: Name | None = None
    look_back: int = Field(default=30, ge=1, le=365)
    complete: bool = False


class Procedures(Section):
    """Where the injections of a procedure stand: one record each."""

    form: Name = "procedures"
    structure: Name = "structure"
    level: Name | None = None
    side: Name | None = None
    volume: Name | None = None


class Treatments(Section):
    """What the patients received."""

    care: Care | None = None
    procedures: Procedures | None = None

    @model_validator(mode="after")
    def _something(self) -> Treatments:
        if self.care is None and self.procedures is None:
            raise ValueError("say where it stands: `care`, `procedures`, or both")
        return self
