"""The numbers that a protocol's forms yield: `form.score` -> what kind of number it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from armwise.errors import FileError, InstrumentError
from armwise.instruments import Instrument, load
from armwise.instruments.morphine_equivalents import VERSIONS
from armwise.protocol.medication import DOSE, NUMBER
from armwise.protocol.model import Form, Protocol


@dataclass(frozen=True, slots=True)
class Score:
    """A number that a form yields for a subject and a visit.

    Attributes:
        ref: `form.score`, as the protocol names it.
        form, name: its two parts.
        label: what people call it.
        lo, hi: its range; None when the form's item has none.
        higher_is_better: None when the protocol does not say (an item without `direction`).
        decimals: decimals to show.
        unit: its unit, or `points`.
        instrument: the instrument that scores it, or "" for a form's item.
        computed: what it is computed by from records that are no answers of a visit (`CDC 2022 factors`); else "".
    """

    ref: str
    form: str
    name: str
    label: str
    lo: float | None
    hi: float | None
    higher_is_better: bool | None
    decimals: int
    unit: str
    instrument: str = ""
    computed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The score as plain data, for the manifest."""
        return asdict(self)


def instrument_of(form: Form, folder: Path | None) -> Instrument | None:
    """The form's instrument, from armwise or from the study folder; None without one that can be loaded."""
    if form.instrument is None:
        return None
    try:
        return load(form.instrument, folder=folder)
    except (InstrumentError, FileError):
        return None


def scores_of(protocol: Protocol, folder: Path | None = None) -> Mapping[str, Score]:
    """Every score of every form, and every numeric item of the forms that are not instruments.

    Args:
        protocol: the protocol.
        folder: the study folder, where instruments of one's own are looked for.
    """
    found: dict[str, Score] = {}
    for form_name, form in protocol.forms.items():
        instrument = instrument_of(form, folder)
        for rule in instrument.scores if instrument else ():
            ref = f"{form_name}.{rule.name}"
            label = rule.label if instrument and len(instrument.scores) > 1 else form.label or rule.label
            found[ref] = Score(
                ref, form_name, rule.name, label, rule.lo, rule.hi, rule.higher_is_better, rule.decimals,
                rule.unit or "points", form.instrument or "",
            )  # fmt: skip
        for name, item in form.items.items():
            if item.type in ("integer", "number"):
                lo, hi = item.range or (None, None)
                better = None if item.direction is None else item.direction == "higher-better"
                decimals = 0 if item.type == "integer" else 1
                label = item.text(protocol.study.language) or name
                found[f"{form_name}.{name}"] = Score(
                    f"{form_name}.{name}",
                    form_name,
                    name,
                    label,
                    lo,
                    hi,
                    better,
                    decimals,
                    item.unit or "points",
                )
    return {**found, **_of_medication(protocol)}


def _of_medication(protocol: Protocol) -> dict[str, Score]:
    """What medication records are made into: the dose of opioids at a visit, and how many of them are taken."""
    declared = protocol.medication
    if declared is None:
        return {}
    form, by = declared.form, f"{VERSIONS[declared.factors]} factors"
    numbers = (
        (DOSE, "Opioid dose", 1, "MME/day", by),
        (NUMBER, "Opioids taken", 0, "drugs", "records of opioids in use"),
    )
    return {
        f"{form}.{name}": Score(f"{form}.{name}", form, name, label, 0, None, False, digits, unit, "", how)
        for name, label, digits, unit, how in numbers
    }
