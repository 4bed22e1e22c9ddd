"""A measure as an association names it -> each subject's value: a covariate, a score at baseline, a dose, a ratio."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from armwise.analysis import cell_product
from armwise.derive.covariates import labels
from armwise.derive.derived import Derived
from armwise.protocol.check_associations import kind_of


@dataclass(frozen=True)
class MeasureValues:
    """One measure.

    Attributes:
        label, unit: what people call it.
        number: whether it is a number, not a category.
        frame: `subject, measure` of those who have a record (the value may be null).
    """

    label: str
    unit: str
    number: bool
    frame: pl.DataFrame


def measure_values(derived: Derived, name: str) -> MeasureValues:
    """Each subject's value of a measure, before treatment (or of the treatment itself).

    Args:
        derived: the study.
        name: as `associations` of the protocol names it; checked there.
    """
    protocol = derived.study.protocol
    kind = kind_of(protocol, derived.catalogue, name)
    assert kind is not None  # the protocol's check has found it
    first, _, second = name.partition(".")
    if not second:
        label, unit, _ = labels(protocol, name)
        score = protocol.covariates[name].score
        if score:
            label = protocol.covariates[name].label or derived.catalogue[score].label
            unit = derived.catalogue[score].unit
        return MeasureValues(label, unit, kind.number, _named(derived.covariates, name))
    if name in derived.catalogue:
        score_facts = derived.catalogue[name]
        rows = derived.scores.filter((pl.col("score") == name) & (pl.col("visit") == protocol.baseline))
        return MeasureValues(score_facts.label, score_facts.unit, True, _named(rows, "value"))
    if first == "dose":
        facts = cell_product.dose_facts(derived)[second]
        return MeasureValues(facts["label"], facts["unit"], True, _named(cell_product.doses(derived), second))
    facts = cell_product.facts_of(derived)[name]
    return MeasureValues(facts["label"], facts["unit"], True, _named(cell_product.measured(derived), name))


def _named(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.select("subject", pl.col(column).alias("measure"))
