"""Adverse events -> one tidy row an event, and the time for which each subject was watched.

An event is treatment-emergent when it began on or after time zero. What is unknown counts against the treatment: an
event without a date counts as emergent, one without a relation as related. Nothing is left out in silence: each such
choice is a problem that names the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from armwise.derive.populations import in_set
from armwise.errors import Problem
from armwise.protocol.model import Protocol
from armwise.protocol.safety import Safety
from armwise.study.records import recorded
from armwise.study.tables import FILE, LINE

#: The events that end a subject's participation.
ENDS: Final = ("off_study", "death")
#: What stands for a term that could name somebody.
ANOTHER_TERM: Final = "another event"
UNNAMED: Final = "term not recorded"
#: Days in a year of patient-years, in a month of coarse words.
YEAR, MONTH = 365.25, 30.4375
#: Yes-or-no columns of an event, by the key of the protocol that declares each.
FLAGS: Final = ("serious", "related", "procedure_related", "withdrawal")

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class AdverseEvents:
    """What happened to whom, and for how long it was looked for.

    Attributes:
        events: `subject, arm, term, body_system, day` (from time zero), `grade, serious, related, procedure_related,
            withdrawal, outcome, fatal, _file, _row`: one row a treatment-emergent event of the analysis set. A column
            that the protocol does not declare is null.
        watched: `subject, arm, days`: everyone in the analysis set, and the days from time zero to death, to leaving
            the study, to the data cut or (without a declared cut) to the last record, both days counted; 0 without any
            record.
        before: `arm, n`: events that began before time zero, which are not counted.
        problems: what was odd.
        recorded: whether there is a table of events; without one nothing is known, and nobody has none.
    """

    events: pl.DataFrame
    watched: pl.DataFrame
    before: Mapping[str, int]
    problems: tuple[Problem, ...]
    recorded: bool = True


def adverse_events(protocol: Protocol, tables: Tables, subjects: pl.DataFrame) -> AdverseEvents | None:
    """Derives the adverse events; None where the protocol declares none.

    Args:
        protocol: the protocol.
        tables: the study's tables.
        subjects: `subject, arm, time_zero` of everyone enrolled.
    """
    declared = protocol.safety
    if declared is None:
        return None
    chosen = in_set(protocol, tables, subjects, declared.set).filter(pl.col("left_out").is_null())
    people = _with_zero(tables, subjects.join(chosen.select("subject"), on="subject", how="semi"))
    people = people.join(_ends(declared, tables), on="subject", how="left", maintain_order="left")
    days = ((pl.col("end") - pl.col("zero")).dt.total_days() + 1).clip(lower_bound=0).fill_null(0)
    table = tables.get(declared.form)
    made = pl.DataFrame(schema=_SCHEMA) if table is None else _tidy(declared, table, subjects, people)
    found = made.filter(pl.col("in_set")).drop("in_set") if table is not None else made
    problems = list(_problems(declared, found, set(subjects["subject"]), _closes(protocol)))
    if found.height < made.height:
        what = f"{made.height - found.height} events of subjects who are not in the analysis set `{declared.set}`"
        todo = "they are not counted; `set: full` counts everyone's"
        problems.append(Problem("warning", f"data/{declared.form}.csv", None, "", what, todo))
    after_cut = (pl.col("start") > declared.data_cut).fill_null(False) if declared.data_cut else pl.lit(False)
    early = (pl.col("day") < 0).fill_null(False)
    before = {arm: found.filter(early & (pl.col("arm") == arm)).height for arm in protocol.arms}
    return AdverseEvents(
        events=_named(found.filter(~early & ~after_cut), set(subjects["subject"])),
        watched=people.select("subject", "arm", days.alias("days")),
        before=before,
        problems=tuple(problems),
        recorded=table is not None,
    )


def _closes(protocol: Protocol) -> int:
    """The day on which the window of the last visit closes."""
    return max(v.day + (v.window[1] if v.window else 0) for v in protocol.visits.values())


_SCHEMA: dict[str, Any] = {
    "subject": pl.String, "arm": pl.String, "term": pl.String, "body_system": pl.String, "start": pl.Date,
    "end": pl.Date, "watched_to": pl.Date, "gone": pl.Boolean, "last_other": pl.Date, "day": pl.Int64,
    "grade": pl.Int64,
    **dict.fromkeys(FLAGS, pl.Boolean), "outcome": pl.String, "fatal": pl.Boolean, FILE: pl.String, LINE: pl.Int64,
}  # fmt: skip


def _with_zero(tables: Tables, subjects: pl.DataFrame) -> pl.DataFrame:
    """Time zero, or the day of enrolment for those who have none: an untreated patient of an arm is watched too."""
    enrolled = tables["subjects"].unique("subject", keep="first").select("subject", "enrolled")
    joined = subjects.join(enrolled, on="subject", how="left", maintain_order="left")
    return joined.select("subject", "arm", pl.coalesce("time_zero", "enrolled").alias("zero"))


def _ends(declared: Safety, tables: Tables) -> pl.DataFrame:
    """`subject, end, gone, last_other`: the day on which each died or left, else the data cut, else the last record.

    `gone` says that it is the first of these; `last_other` is the last record but of adverse events.
    """
    dated = [
        t.select("subject", pl.col("date").alias("last"), pl.lit(name != declared.form).alias("_other"))
        for name, t in tables.items()
        if name not in ("subjects", "screening") and t.schema.get("date") == pl.Date
    ]
    schema = {"subject": pl.String, "last": pl.Date, "_other": pl.Boolean}
    harm, left = tables.get(declared.form), [pl.DataFrame(schema={"subject": pl.String, "left": pl.Date})]
    if harm is not None:
        dated.append(
            harm.select("subject", pl.col(declared.start).alias("last"), pl.lit(False).alias("_other"))
        )
        if declared.outcome and declared.end:
            died = harm.filter(pl.col(declared.outcome).is_in(list(declared.deaths)))
            left.append(died.select("subject", pl.col(declared.end).alias("left")))
    if (events := tables.get("events")) is not None:
        gone = events.filter(pl.col("event").str.replace_all("-", "_").is_in(list(ENDS)))
        left.append(gone.select("subject", pl.col("date").alias("left")))
    seen = (pl.concat(dated) if dated else pl.DataFrame(schema=schema)).group_by("subject")
    last = seen.agg(pl.col("last").max(), pl.col("last").filter("_other").max().alias("last_other"))
    both = last.join(
        pl.concat(left).group_by("subject").agg(pl.col("left").min()), on="subject", how="full", coalesce=True
    )
    cut = pl.lit(declared.data_cut, dtype=pl.Date)
    end = pl.min_horizontal(pl.coalesce("left", cut, "last"), cut)
    return both.select("subject", end.alias("end"), (pl.col("left") == end).alias("gone"), "last_other")


def _tidy(
    declared: Safety, table: pl.DataFrame, subjects: pl.DataFrame, people: pl.DataFrame
) -> pl.DataFrame:
    """The form's rows in the columns of `AdverseEvents.events`, with `in_set`; of nobody who is not enrolled."""
    nothing = pl.lit(None, dtype=pl.String)

    def text(item: str | None) -> pl.Expr:
        return nothing if item is None else pl.col(item).cast(pl.String).str.strip_chars()

    def flag(key: str) -> pl.Expr:
        mark = declared.marks().get(key)
        return pl.lit(None, dtype=pl.Boolean) if mark is None else pl.col(mark.item).is_in(list(mark.counts))

    grade = text(declared.grade)
    grades = {**{str(g): g for g in range(1, 6)}, **declared.grades}
    outcome = text(declared.outcome)
    zero = people.select("subject", "zero", pl.col("end").alias("watched_to"), "gone", "last_other")
    zero = subjects.select("subject", "arm").join(
        zero.with_columns(pl.lit(True).alias("in_set")), on="subject", how="left", maintain_order="left"
    )
    zero = zero.with_columns(pl.col("in_set").fill_null(False))
    made = table.filter(recorded(table)).select(
        "subject", FILE, LINE, start=pl.col(declared.start),
        end=pl.col(declared.end) if declared.end else pl.lit(None, dtype=pl.Date),
        term=text(declared.term).str.to_lowercase().str.replace_all(r"\s+", " "),
        body_system=text(declared.body_system), outcome=outcome, fatal=outcome.is_in(list(declared.deaths)),
        grade=grade.replace_strict(grades, default=None, return_dtype=pl.Int64),
        **{key: flag(key) for key in FLAGS},
    )  # fmt: skip
    joined = made.join(zero, on="subject", how="inner", maintain_order="left")
    day = (pl.col("start") - pl.col("zero")).dt.total_days().alias("day")
    known = pl.col("related").fill_null(True) if declared.related else pl.col("related")
    return (
        joined.with_columns(day)
        .with_columns(related_known=pl.col("related").is_not_null(), related=known)
        .select(*_SCHEMA, "related_known", "in_set")
    )


def _named(found: pl.DataFrame, subjects: set[str]) -> pl.DataFrame:
    """Terms and body systems as they may stand on a page: nothing that could be a patient's number or a date."""

    def safe(column: str) -> pl.Expr:
        said = {t: _safe(t, subjects) for t in found[column].drop_nulls().unique()}
        return pl.col(column).replace(said) if said else pl.col(column)

    kept = [c for c in _SCHEMA if c not in ("start", "end", "watched_to", "gone", "last_other")]
    return found.with_columns(safe("term").fill_null(UNNAMED), safe("body_system")).select(kept)


#: 2026-03-31, 31.3.26, 31-3-2026, 3/2026, 31 Mar 2026, March 31.
_MONTH: Final = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?)"
)
_DATED: Final = (
    r"\d{4}-\d{2}(?!\d)|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}-\d{1,2}-\d{4}|(?<!\d)\d{1,2}/\d{4}(?!\d)"
    rf"|\d(st|nd|rd|th|\.)? {_MONTH}(?![a-z])|(?<![a-z]){_MONTH}\.? \d"
)


def _safe(term: str, subjects: set[str]) -> str:
    said = term.lower()
    named = any(
        re.search(rf"(?<![\w-]){re.escape(s.lower())}(?![\w-])", said) for s in subjects if len(s) > 2
    )
    dated = re.search(_DATED, said)
    return ANOTHER_TERM if named or dated else term


def _problems(declared: Safety, found: pl.DataFrame, subjects: set[str], closes: int) -> Iterator[Problem]:
    """What contradicts itself, and what had to be decided without being known."""
    if found.is_empty():
        return
    said = found.with_columns(
        _odd=pl.col("term").map_elements(lambda t: _safe(t, subjects) != t, return_dtype=pl.Boolean),
        _odd_system=pl.col("body_system").map_elements(
            lambda t: _safe(t, subjects) != t, return_dtype=pl.Boolean
        ),
    )
    alone = (
        (pl.col("start") > pl.col("last_other")) & (pl.col("day") > closes) & ~pl.col("gone").fill_null(False)
    )
    cut = pl.lit(declared.data_cut, dtype=pl.Date)
    checks: list[tuple[bool, str, pl.Expr, str, str]] = [
        (True, "start", pl.col("end") < pl.col("start"), "ended before it began", "check both dates"),
        (True, "start", pl.col("start").is_null(),
         "no first day: counted as treatment-emergent", "fill in the date"),
        (True, "start", pl.col("day") < 0,
         "began before time zero: not counted as treatment-emergent", "check the date"),
        (True, "start", pl.col("start") > cut, "began after the data cut: not counted", "check the date"),
        (True, "start", (pl.col("start") > pl.col("watched_to")) & ~(pl.col("start") > cut).fill_null(False),
         "began after the subject had left the study: counted, without person time of its own", "check the date"),
        (declared.data_cut is None, "start", alone,
         "began after the last visit’s window and after every other record: it lengthens the time watched",
         "check the date, or declare the `data_cut`"),
        (bool(declared.outcome and declared.serious), "outcome",
         pl.col("serious") & pl.col("outcome").is_null(), "serious, and no outcome", "fill in the outcome"),
        (bool(declared.outcome and declared.grade), "outcome",
         (pl.col("grade") == 5) & ~pl.col("fatal").fill_null(False),
         "grade 5 (death), and the outcome is not fatal", "check grade and outcome"),
        (bool(declared.outcome and declared.grade), "grade",
         pl.col("fatal") & (pl.col("grade") != 5).fill_null(True),
         "a fatal outcome, and the grade is not 5", "check grade and outcome"),
        (bool(declared.outcome and declared.serious), "serious",
         pl.col("fatal") & ~pl.col("serious").fill_null(False),
         "a fatal outcome, and the event is not serious", "a death is a serious event: check both"),
        (bool(declared.body_system), "body_system", pl.col("_odd_system"),
         f"the body system holds a date or a subject's number: the page calls it {ANOTHER_TERM}", "name it alone"),
        (bool(declared.grade), "grade", pl.col("grade").is_null(),
         "no grade: not among those of grade 3 or more", "fill in the grade"),
        (bool(declared.serious), "serious", pl.col("serious").is_null(),
         "not said whether it was serious: not among the serious ones", "fill it in"),
        (bool(declared.related), "related", ~pl.col("related_known"),
         "no relation recorded: counted as related", "fill it in"),
        (True, "term", pl.col("_odd"),
         f"the term holds a date or a subject's number: the page calls it {ANOTHER_TERM}", "name the event alone"),
    ]  # fmt: skip
    column = _columns(declared)
    for applies, key, condition, what, todo in checks:
        for row in said.filter(condition.fill_null(False)).iter_rows(named=True) if applies else ():
            yield Problem("warning", row[FILE], row[LINE], column(key), what, todo)


def _columns(declared: Safety) -> Callable[[str], str]:
    """The form's column behind a key of `safety`."""
    names = {**declared.items(), **{key: mark.item for key, mark in declared.marks().items()}}
    return lambda key: names.get(key, key)


def first_days(events: pl.DataFrame, watched: pl.DataFrame) -> pl.DataFrame:
    """`subject, arm, days, had`: the days until the first of some events, or all days of those who had none.

    The day of the event counts, as the day of time zero does: no event comes in no time.

    Args:
        events: some of `AdverseEvents.events`.
        watched: `AdverseEvents.watched`.
    """
    first = events.group_by("subject").agg(pl.col("day").min().alias("first"), pl.lit(True).alias("had"))
    joined = watched.join(first, on="subject", how="left", maintain_order="left")
    until = pl.min_horizontal(pl.col("first") + 1, "days")  # a first day that is not known: all days
    return joined.select("subject", "arm", until.alias("days"), pl.col("had").fill_null(False))


def month_of(day: int | None) -> int | None:
    """The month after time zero in which a day falls, counted from 1; None where the day is not known."""
    return None if day is None else int(day // MONTH) + 1
