"""Medication, as `protocol.yaml` declares it: which form holds the records, and how they become a dose of opioids."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from armwise.protocol.section import Name, Section

#: The numbers that medication records are made into, by subject and visit: `<form>.mme`, `<form>.opioids`.
DOSE, NUMBER = "mme", "opioids"


class Medication(Section):
    """Where medication records stand, and how they become a daily dose of opioids at each visit."""

    form: Name = "medications"
    drug: Name = "drug"
    route: Name | None = None
    dose: Name = "dose"
    unit: Name = "unit"
    times: Name = "times"
    start: Name | None = None
    stop: Name | None = None
    drug_class: Name | None = None
    opioid: str = "opioid"
    look_back: int = Field(default=7, ge=1, le=365)
    complete: bool = False
    factors: Literal["cdc_2022"] = "cdc_2022"
    cut_points: tuple[Annotated[float, Field(gt=0)], ...] = ()
