"""Readings of images, long: one row a subject, visit, reader, place and grade; and the one that leads.

A place is a level of the spine, or a side of it where a grade is held in several items. A category is its number on
the scale, the least 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from armwise.protocol.imaging import CONSENSUS, MEAN, YES, Imaging, categories_of
from armwise.protocol.model import Protocol
from armwise.study.records import recorded

#: The reader of a form that names none.
ONE_READER = "one reader"
LONG: dict[str, pl.DataType] = {
    **dict.fromkeys(("subject", "arm", "visit", "reader"), pl.String()),
    "reading": pl.Int64(),
    "place": pl.String(),
    "grade": pl.String(),
    "category": pl.Float64(),
}


@dataclass(frozen=True)
class Readings:
    """What was read.

    Attributes:
        declared: the section of the protocol.
        visits: the visits of the images, the baseline first.
        arms: the arms that are imaged, by the protocol.
        sources: the readers as the protocol lists them, the consensus too where it is one.
        long: `subject, arm, visit, reader, reading` (1 the first)`, place, grade, category` (0 the least); no gaps.
        scans: `subject, arm, visit, reader, reading, blinded_arm, blinded_time` (yes, no, null), one row a scan that
            some grade was read on.
        late: scans labelled baseline and made after time zero, by arm: `subject, arm`; not among the others.
    """

    declared: Imaging
    visits: tuple[str, ...]
    arms: tuple[str, ...]
    sources: tuple[str, ...]
    long: pl.DataFrame
    scans: pl.DataFrame
    late: pl.DataFrame

    @property
    def readers(self) -> tuple[str, ...]:
        """The readers, without the consensus."""
        return tuple(r for r in self.sources if r != CONSENSUS)

    def scale(self, name: str, protocol: Protocol) -> tuple[str, ...]:
        """The categories of a grade, the least first."""
        return categories_of(self.declared.grades[name], name, dict(protocol.forms[self.declared.form].items))


def readings(
    protocol: Protocol, tables: Mapping[str, pl.DataFrame], subjects: pl.DataFrame
) -> Readings | None:
    """The readings of a study; None where the protocol declares no imaging.

    Args:
        protocol: the protocol.
        tables: typed tables by form.
        subjects: `subject, arm, time_zero` of everyone enrolled.
    """
    declared = protocol.imaging
    if declared is None:
        return None
    form = protocol.forms[declared.form]
    planned = declared.visits or (tuple(protocol.visits) if form.at == "all" else form.at)
    reader = form.items.get(declared.reader or "")
    table = tables.get(declared.form)
    if table is None:
        table = pl.DataFrame(schema={"subject": pl.String, "visit": pl.String, "date": pl.Date})
    visits = tuple(v for v in protocol.visits if v in planned)
    here = (
        _graded(table, declared, protocol)
        .join(
            subjects.select("subject", "arm", "time_zero"), on="subject", how="inner", maintain_order="left"
        )
        .filter(pl.col("visit").is_in(visits))
    )
    named = {
        "reader": declared.reader,
        "blinded_arm": declared.blinded.arm,
        "blinded_time": declared.blinded.time,
    }
    here = here.with_columns(
        *(
            (pl.col(c) if c in here.columns else pl.lit(None, dtype=pl.String)).alias(f"_{key}")
            for key, c in named.items()
        ),
        (pl.col(declared.reading).fill_null(1) if declared.reading in here.columns else pl.lit(1))
        .cast(pl.Int64)
        .alias("_reading"),
    ).with_columns(pl.col("_reader").fill_null(ONE_READER))
    made_late = (pl.col("visit") == protocol.baseline) & (pl.col("date") > pl.col("time_zero")).fill_null(
        False
    )
    return Readings(
        declared=declared,
        visits=visits,
        arms=tuple(a for a in protocol.arms if form.arms is None or a in form.arms),
        sources=tuple(reader.choices) if reader and reader.choices else (ONE_READER,),
        long=_long(here.filter(~made_late), declared, protocol),
        scans=_scans(here.filter(~made_late)),
        late=here.filter(made_late).select("subject", "arm").unique(maintain_order=True),
    )


def _graded(table: pl.DataFrame, declared: Imaging, protocol: Protocol) -> pl.DataFrame:
    """The rows that hold a grade: a place that could not be read, or a visit without images, is no scan."""
    items = protocol.forms[declared.form].items
    held = [i for name, grade in declared.grades.items() for i in grade.held_in(name) if i in items]
    held = [i for i in held if i in table.columns]
    if not held:
        return table
    return table.filter(recorded(table) & pl.any_horizontal(pl.col(held).is_not_null()))


def _long(here: pl.DataFrame, declared: Imaging, protocol: Protocol) -> pl.DataFrame:
    items = dict(protocol.forms[declared.form].items)
    parts = [pl.DataFrame(schema=LONG)]
    for name, grade in declared.grades.items():
        number = {word: float(k) for k, word in enumerate(categories_of(grade, name, items))}
        for item in grade.held_in(name):
            if item not in here.columns or declared.level not in here.columns:
                continue
            side = pl.lit("" if len(grade.held_in(name)) == 1 else f" {item}")
            parts.append(
                here.select(
                    "subject", "arm", "visit", pl.col("_reader").alias("reader"), pl.col("_reading").alias("reading"),
                    pl.concat_str(pl.col(declared.level), side).alias("place"), pl.lit(name).alias("grade"),
                    pl.col(item).cast(pl.String).replace_strict(number, default=None, return_dtype=pl.Float64)
                    .alias("category"),
                ).filter(pl.col("category").is_not_null() & pl.col("place").is_not_null())
            )  # fmt: skip
    return pl.concat(parts)


def _scans(here: pl.DataFrame) -> pl.DataFrame:
    """One row a scan that a reader read: blinded where all of its rows say so, unknown where one says nothing."""

    def all_yes(column: str) -> pl.Expr:
        said, yes = pl.col(column), pl.col(column).is_in(list(YES))
        return (
            pl.when((said.is_not_null() & ~yes).any())
            .then(pl.lit("no"))
            .when(said.is_null().any())
            .then(pl.lit(None, dtype=pl.String))
            .otherwise(pl.lit("yes"))
        )

    keys = [pl.col("_reader").alias("reader"), pl.col("_reading").alias("reading")]
    return here.group_by("subject", "arm", "visit", *keys, maintain_order=True).agg(
        all_yes("_blinded_arm").alias("blinded_arm"), all_yes("_blinded_time").alias("blinded_time")
    )


def leading(found: Readings, grade: str) -> pl.DataFrame:
    """`subject, arm, visit, place, category`: the reading that leads, one row a place and visit.

    A reader who read a scan again leads with the first reading. The mean is that of the readers' first readings, over
    places that all of them graded.
    """
    first = found.long.filter((pl.col("grade") == grade) & (pl.col("reading") == 1))
    keys = ["subject", "arm", "visit", "place"]
    chosen = found.declared.leading
    if chosen == MEAN:
        mine = first.filter(pl.col("reader").is_in(list(found.readers)))
        grouped = mine.group_by(keys, maintain_order=True).agg(
            pl.col("category").mean(), pl.len().alias("_n")
        )
        return grouped.filter(pl.col("_n") == len(found.readers)).drop("_n")
    return first.filter(pl.col("reader") == (chosen or ONE_READER)).select(*keys, "category")


def paired(found: Readings, grade: str, visit: str) -> pl.DataFrame:
    """`subject, arm, place, before, after`: the places that the leading reading graded at baseline and at a visit."""
    led = leading(found, grade)
    before = led.filter(pl.col("visit") == found.visits[0]).rename({"category": "before"}).drop("visit")
    after = led.filter(pl.col("visit") == visit).select("subject", "place", pl.col("category").alias("after"))
    return before.join(after, on=["subject", "place"], how="inner", maintain_order="left")
