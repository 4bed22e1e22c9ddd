"""Checks of the cell product: its items and places exist, and every unit is one that can be multiplied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from armwise.protocol.cell_product import CellProduct, Conversion, Measure
from armwise.protocol.known import Finding, Known, unknown
from armwise.protocol.model import Protocol
from armwise.protocol.scores import Score
from armwise.protocol.units import conversion, dose_unit, millilitres, per_millilitre
from armwise.yaml_lines import KeyPath

CONCENTRATIONS = "10^6/mL, /mL, 10^3/uL"


def cell_product(protocol: Protocol, known: Known, scores: Mapping[str, Score]) -> Iterator[Finding]:
    """Everything that the section `cell_product` names."""
    declared = protocol.cell_product
    if declared is None:
        return
    here: KeyPath = ("cell_product",)
    yield from unknown("form", declared.form, known.names("forms"), (*here, "form"))
    form = protocol.forms.get(declared.form)
    if form is not None and not known.broken("forms", declared.form):
        at_baseline = form.at == "all" or (isinstance(form.at, tuple) and protocol.baseline in form.at)
        if not at_baseline:
            what = f"the form `{declared.form}` is not filled in at {protocol.baseline}"
            yield (*here, "form"), what, f"write `at: {protocol.baseline}` in forms.{declared.form}"
    yield from _places(protocol, declared, known, here)
    for name, measure in declared.measures.items():
        path = (*here, "measures", name)
        if not known.cannot_tell(protocol, measure.item):
            mine = [ref for ref, score in scores.items() if score.form == declared.form]
            yield from unknown("number of the cell product", measure.item, mine, (*path, "item"))
        if measure.item in scores:
            yield from _converted(scores[measure.item].unit, measure.convert, (*path, "convert"))
            if measure.dose:
                yield from _dosed(protocol, declared, measure, scores, path)
    for name, ratio in declared.ratios.items():
        path = (*here, "ratios", name)
        for key in ("of", "per"):
            yield from unknown("measure", getattr(ratio, key), declared.measures, (*path, key))
            part = declared.measures.get(getattr(ratio, key))
            unit = unit_of(part, scores) if part else None
            if unit is not None and per_millilitre(unit) is None:
                what = f"`{getattr(ratio, key)}` is in `{unit}`, which is no concentration"
                yield (*path, key), what, f"a ratio is of two concentrations ({CONCENTRATIONS})"


def unit_of(measure: Measure, scores: Mapping[str, Score]) -> str | None:
    """The unit that a measure is analysed in; None where its item is not known."""
    if measure.convert:
        return measure.convert.unit
    return scores[measure.item].unit if measure.item in scores else None


def _places(protocol: Protocol, declared: CellProduct, known: Known, here: KeyPath) -> Iterator[Finding]:
    if declared.injections is None:
        return
    yield from unknown("form", declared.injections, known.names("forms"), (*here, "injections"))
    form = protocol.forms.get(declared.injections)
    if form is None or known.broken("forms", declared.injections):
        return
    for index, column in enumerate(declared.by):
        words = [name for name, item in form.items.items() if item.type in ("choice", "text")]
        yield from unknown("place (a choice or a text)", column, words, (*here, "by", index))
    if declared.volume:
        item = declared.volume.split(".")[1]
        numbers = [name for name, i in form.items.items() if i.type in ("integer", "number")]
        yield from unknown("number of the injections", item, numbers, (*here, "volume"))
        unit = form.items[item].unit if item in numbers else "mL"
        if millilitres(unit) is None:
            what = f"`{declared.volume}` is in `{unit or 'no unit'}`, expected a volume"
            yield (*here, "volume"), what, "give the item its unit: `unit: mL`"


def _converted(unit: str, convert: Conversion | None, path: KeyPath) -> Iterator[Finding]:
    """A declared factor agrees with the units, where both can be read."""
    if convert is None:
        return
    factor = conversion(unit, convert.unit)
    if factor is None:
        readable = any(
            read(u) is not None for read in (per_millilitre, millilitres) for u in (unit, convert.unit)
        )
        what = f"`{unit}` and `{convert.unit}` are not read as units of one kind"
        if readable:
            yield path, what, f"convert within one kind ({CONCENTRATIONS})"
        else:
            yield path, f"{what}: the factor {convert.factor:g} is not checked", "check it by hand", "warning"
    elif not math.isclose(float(factor), convert.factor, rel_tol=1e-9):
        what = f"one {unit} is {float(factor):g} {convert.unit}, found the factor {convert.factor:g}"
        yield path, what, f"write `factor: {float(factor):g}`"


def _dosed(
    protocol: Protocol, declared: CellProduct, measure: Measure, scores: Mapping[str, Score], path: KeyPath
) -> Iterator[Finding]:
    unit, volume = unit_of(measure, scores) or "", volume_unit(protocol)
    if per_millilitre(unit) is None:
        what = f"`{measure.item}` is in `{unit}`: no dose can be made of it"
        yield (*path, "dose"), what, f"a dose needs a concentration ({CONCENTRATIONS})"
    elif millilitres(volume) is not None and dose_unit(unit, volume) is None:
        what = f"`{measure.item}` is in `{unit}` and `{declared.volume}` in `{volume}`"
        todo = f"declare `convert: {{unit: {_per(unit, volume)}, factor: ...}}`"
        yield (*path, "dose"), f"{what}: they cannot be multiplied", todo


def _per(unit: str, volume: str) -> str:
    """The nearest unit of concentration per that volume: 10^3/uL for mL is 10^6/mL."""
    factor = per_millilitre(unit)
    per = millilitres(volume)
    assert factor is not None and per is not None
    power = round(math.log10(float(factor * per)))
    return f"10^{power}/{volume}" if power else f"/{volume}"


def volume_unit(protocol: Protocol) -> str:
    """The unit of the volume that is injected, or nothing."""
    declared = protocol.cell_product
    form, _, item = ((declared.volume if declared else None) or "").partition(".")
    found = protocol.forms.get(form)
    return found.items[item].unit if found and item in found.items else ""
