"""Medication and care, as `assumptions.yaml` declares them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from armwise.instruments.morphine_equivalents import factor_of
from armwise.simulate.statement import Part, Positive, Share, Statement


class Drug(Part):
    """One drug of a class: how often it is the one taken, and how it is taken."""

    share: Positive
    dose: Positive | None = None
    unit: str | None = None
    times: Positive | None = None
    route: str = "oral"


class Opioids(Part):
    """The course of the opioid dose: users at baseline, the ratio to baseline, those who stop and start."""

    users: str
    mean: Positive
    sd: Positive
    ratio: dict[str, dict[str, Positive]]
    stop: dict[str, Share]
    start: dict[str, Share]
    drugs: dict[str, Drug] = Field(min_length=1)

    @model_validator(mode="after")
    def _drugs_have_factors(self) -> Opioids:
        for name, drug in self.drugs.items():
            if factor_of(name, drug.route) is None:
                raise ValueError(f"no MME factor for `{name}` by the route `{drug.route}`")
            if drug.dose is None or drug.unit is None:
                raise ValueError(
                    f"`{name}` needs the dose of one tablet or the strength of a patch, and its unit"
                )
        return self


class DrugClass(Part):
    """Another class of drugs: share of users at baseline by arm, then those who stop and start between visits."""

    users: dict[str, Share]
    stop: dict[str, Share]
    start: dict[str, Share]
    drugs: dict[str, Drug] = Field(min_length=1)


class Medications(Statement):
    """Records of drugs with first and last day, so that the dose of opioids follows its declared course."""

    kind: Literal["medications"]
    opioids: Opioids
    others: dict[str, DrugClass] = Field(default={})


class CareByVisit(Statement):
    """Kinds of care received, one record a patient and visit: the share of an arm's patients by visit.

    `lasting` is how much the same patients receive it again: the correlation of the normal behind two visits.
    """

    kind: Literal["care"]
    shares: dict[str, dict[str, dict[str, Share]]]
    lasting: Annotated[float, Field(ge=0, le=1)] = 0.6
