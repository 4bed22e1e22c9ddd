"""What was injected, described: measures of the cell product, their doses by place, shares in a reference range.

A dose is concentration times volume, added up over the places of a subject. A place without a recorded volume has no
dose, and neither has any sum that it belongs to: a sum of what was recorded would be too small, and would not say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived
from armwise.protocol.cell_product import CellProduct, ReferenceRange
from armwise.protocol.check_cell_product import unit_of, volume_unit
from armwise.protocol.units import dose_unit, per_millilitre
from armwise.stats import summary, wilson

ALL_PLACES = "all places"
DOSE = "concentration x volume"
INSIDE = "inside the reference range"
#: Digits that count where a value is held against a limit: 1.1 x 3 is 3.3, and not beyond it.
DIGITS = 12
_PARTS = ("mean", "sd", "median", "q1", "q3", "min", "max")
_MIDDLE = ("median", "q1", "q3")
_RATIO_SCALE = {"percent": 100.0, "per-million": 1e6}
_RATIO_UNIT = {"percent": "%", "per-million": "per 10^6"}


def cell_product(derived: Derived) -> Iterator[Row]:
    """Every measure and ratio of the cell product by arm, then volumes and doses by place."""
    protocol = derived.study.protocol
    declared = protocol.cell_product
    if declared is None:
        return
    form = protocol.forms[declared.form]
    arms = [arm for arm in protocol.arms if form.arms is None or arm in form.arms]
    values = measured(derived)
    for arm in arms:
        mine = derived.subjects.filter(pl.col("arm") == arm).select("subject")
        about = {"analysis": "cell_product", "role": "descriptive", "arm": arm, "visit": protocol.baseline}
        for name, facts in facts_of(derived).items():
            here = mine.join(values.select("subject", name), on="subject", how="left")[name]
            fixed = {**about, "item": name, "unit": facts["unit"], "label": facts["label"]}
            yield from _numbers(here, **fixed)
            if facts["reference"] is not None:
                yield _inside(here.drop_nulls(), facts["reference"], **fixed)
        if declared.volume:
            yield from _by_place(derived, declared, mine, about)


def facts_of(derived: Derived) -> dict[str, dict[str, Any]]:
    """Measure or `ratio.name` -> its label, unit and reference range."""
    declared = derived.study.protocol.cell_product
    assert declared is not None
    found: dict[str, dict[str, Any]] = {}
    for name, measure in declared.measures.items():
        score = derived.catalogue[measure.item]
        unit = unit_of(measure, derived.catalogue) or ""
        found[name] = {"label": measure.label or score.label, "unit": unit, "reference": measure.reference}
    for name, ratio in declared.ratios.items():
        label = ratio.label or f"{found[ratio.of]['label']} / {found[ratio.per]['label']}"
        found[f"ratio.{name}"] = {
            "label": label, "unit": _RATIO_UNIT[ratio.scale], "reference": ratio.reference,
        }  # fmt: skip
    return found


def measured(derived: Derived) -> pl.DataFrame:
    """`subject` and a column a measure (in the unit of analysis) and ratio (`ratio.name`), at baseline."""
    protocol = derived.study.protocol
    declared = protocol.cell_product
    found = derived.subjects.select("subject")
    if declared is None:
        return found
    at_baseline = derived.scores.filter(pl.col("visit") == protocol.baseline)
    for name, measure in declared.measures.items():
        factor = measure.convert.factor if measure.convert else 1.0
        mine = at_baseline.filter(pl.col("score") == measure.item)
        mine = mine.select("subject", (pl.col("value") * factor).alias(name))
        found = found.join(mine, on="subject", how="left", maintain_order="left")
    for name, ratio in declared.ratios.items():
        of, per = (
            per_millilitre(unit_of(declared.measures[m], derived.catalogue) or "")
            for m in (ratio.of, ratio.per)
        )
        assert of is not None and per is not None  # the protocol's check has read both units
        scale = float(of / per) * _RATIO_SCALE[ratio.scale]
        over = pl.when(pl.col(ratio.per) > 0).then(pl.col(ratio.of) / pl.col(ratio.per) * scale)
        found = found.with_columns(over.alias(f"ratio.{name}"))
    return found


def injected(derived: Derived) -> pl.DataFrame:
    """One row an injection: `subject`, the columns of `by`, and `volume` (null where it was not recorded)."""
    declared = derived.study.protocol.cell_product
    assert declared is not None and declared.injections and declared.volume
    by = list(declared.by)
    table = derived.study.tables.get(declared.injections)
    if table is None:
        return pl.DataFrame(
            schema={"subject": pl.String, **dict.fromkeys(by, pl.String), "volume": pl.Float64}
        )
    volume = pl.col(declared.volume.split(".")[1]).cast(pl.Float64).alias("volume")
    return table.select("subject", *(pl.col(c).cast(pl.String) for c in by), volume)


def doses(derived: Derived, by: tuple[str, ...] = ()) -> pl.DataFrame:
    """`subject`, the columns of `by`, `volume`, and a column a measure with `dose: true`: sums over the places.

    Args:
        derived: the study.
        by: columns of the injections; none: everything that a subject got.
    """
    declared = derived.study.protocol.cell_product
    assert declared is not None
    known = pl.col("volume").is_not_null().all()
    summed = (
        injected(derived)
        .group_by("subject", *by, maintain_order=True)
        .agg(pl.when(known).then(pl.col("volume").sum()).alias("volume"))
    )
    joined = summed.join(measured(derived), on="subject", how="left", maintain_order="left")
    wanted = [name for name, m in declared.measures.items() if m.dose]
    return joined.select("subject", *by, "volume", *(pl.col(n) * pl.col("volume") for n in wanted))


def dose_facts(derived: Derived) -> dict[str, dict[str, Any]]:
    """Measure -> label and unit of its dose; `volume` first."""
    declared = derived.study.protocol.cell_product
    assert declared is not None
    volume = volume_unit(derived.study.protocol)
    facts = facts_of(derived)
    found: dict[str, dict[str, Any]] = {"volume": {"label": "Volume", "unit": volume}}
    for name, measure in declared.measures.items():
        if measure.dose:
            found[name] = {
                "label": f"{facts[name]['label']}, dose",
                "unit": dose_unit(facts[name]["unit"], volume) or "",
            }
    return found


def _by_place(
    derived: Derived, declared: CellProduct, mine: pl.DataFrame, about: Mapping[str, Any]
) -> Iterator[Row]:
    """Volume and doses: all places together, each structure, each level of it."""
    for depth in range(len(declared.by) + 1):
        by = declared.by[:depth]
        found = doses(derived, by)
        if by:  # whoever was treated there
            frame = found.join(mine, on="subject", how="semi", maintain_order="left")
        else:  # everybody of the arm: whose injections were not recorded has no dose
            frame = mine.join(found, on="subject", how="left", maintain_order="left")
        places = frame.select(by).drop_nulls().unique().sort(by) if by else None
        for place in [{}] if places is None else _ordered(derived, declared, places):
            here = frame.filter(*(pl.col(c) == v for c, v in place.items())) if place else frame
            words = ", ".join(str(v) for v in place.values()) or ALL_PLACES
            for name, facts in dose_facts(derived).items():
                fixed = {**about, "item": name, "category": words, "method": DOSE, **facts}
                yield from _numbers(here[name], _PARTS if depth < 2 else _MIDDLE, **fixed)


def _ordered(derived: Derived, declared: CellProduct, places: pl.DataFrame) -> list[dict[str, Any]]:
    """The places in the order of the protocol's choices, those within one by name."""
    item = derived.study.protocol.forms[declared.injections or ""].items[declared.by[0]]
    order = {choice: i for i, choice in enumerate(item.choices or {})}
    first = declared.by[0]
    return sorted(places.to_dicts(), key=lambda p: (order.get(p[first], len(order)), *map(str, p.values())))


def _numbers(values: pl.Series, parts: Sequence[str] = _PARTS, **about: Any) -> Iterator[Row]:
    """What is known of a number, and how many subjects have none."""
    known = values.drop_nulls()
    found = summary(known.to_numpy())
    yield row("n", found.n, n=found.n, **{**about, "unit": "subjects"})
    yield row("missing", values.len() - found.n, n=values.len(), **{**about, "unit": "subjects"})
    for name in parts:
        value = getattr(found, name)
        if value is not None:
            yield row(name, value, n=found.n, **about)


def _inside(known: pl.Series, reference: ReferenceRange, **about: Any) -> Row:
    """The share inside a reference range, its ends included; which range, and whether it is confirmed."""
    low, high = reference.range
    fixed = {**about, "category": INSIDE, "at": low, "at2": high, "unit": "proportion"}
    source = f"{reference.status}: {reference.source}"
    if not known.len():
        return row(
            "share", None, n=0, status="not estimable", reason=f"nobody has a value; {source}", **fixed
        )
    held = known.round_sig_figs(DIGITS)
    inside = known.len() - int(((held < low) if low is not None else pl.Series([False])).sum())
    inside -= int(((held > high) if high is not None else pl.Series([False])).sum())
    found = wilson(inside, known.len())
    return row(
        "share", found.estimate, lower=found.lower, upper=found.upper, conf_level=found.conf_level, n=known.len(),
        method=found.method, reason=source, **fixed,
    )  # fmt: skip
