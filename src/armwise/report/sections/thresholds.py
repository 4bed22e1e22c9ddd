"""Responders by several thresholds side by side, each with its source, and the difference at every other threshold."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from armwise.analysis.results import Results, Row
from armwise.protocol.model import Threshold, Thresholds
from armwise.report import cite
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.figures.responder_band import curve_of, responder_band
from armwise.report.numbers import level, shown
from armwise.report.page import Block, Facts, Figure, Section, figure
from armwise.report.sections import estimands
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, counted, hyphenless, inside, joined, opening
from armwise.stats.responder_model import METHOD as NORMAL_TAIL


def section(results: Results, words: Words) -> Section | None:
    """Every block of thresholds of the protocol; None where it declares none."""
    blocks: list[Block] = []
    before: list[Thresholds] = []
    for item, declared in words.protocol.thresholds.items():
        if not results.rows(analysis="thresholds", item=item):
            continue
        again = any(_holds(block, declared) for block in before)  # the same numbers do not stand twice
        before.append(declared)
        for arm in (
            () if again else words.treatments
        ):  # at the last visit; the others stand in results.csv, and in the one odds ratio
            made = _of(results, words, item, declared, declared.at[-1], arm)
            blocks += (
                made if not blocks else [_later(words, declared, b) for b in made]
            )  # the notes stand once
        blocks += _over_visits(results, words, item, declared)
    if not blocks:
        return None
    return Section(
        name="thresholds",
        short="Other thresholds",
        heading=_heading(results, words),
        question="Does the answer hang on which improvement counts, and on how it is counted?",
        blocks=tuple(blocks),
    )


def _holds(block: Thresholds, other: Thresholds) -> bool:
    """Whether every number of another block's last visit stands in this one already."""
    alike = (block.score, block.like, block.at[-1]) == (other.score, other.like, other.at[-1])
    return alike and {t.words for t in other.of} <= {t.words for t in block.of}


def _later(words: Words, declared: Thresholds, block: Block) -> Block:
    """A block of a later list of thresholds: folded, and without the notes that the first one has."""
    main, like = block.main, words.protocol.analyses[declared.like]
    named = main.title.rstrip(".") if isinstance(main, Figure | Table) else ""
    how = inside(like.label or hyphenless(declared.like))
    return replace(block, side=(), fold=f"{named} ({how})")


def _heading(results: Results, words: Words) -> Text:
    """The smallest and the largest difference among the thresholds; it claims no direction."""
    item, declared = next(iter(words.protocol.thresholds.items()))
    arm, visit = words.treatments[0], declared.at[-1]
    rows = [
        r for t in declared.of if (r := _difference(results, item, arm, visit, t)) is not None and usable(r)
    ]
    if not rows:
        return f"{opening(words.score(declared.score).label)} by several thresholds"
    rows.sort(key=lambda r: r["estimate"])
    if len(rows) == 1:
        return text("One threshold: a difference of {d}", d=cite.estimate(rows[0], unit=True))
    if shown(rows[0]).estimate == shown(rows[-1]).estimate:
        alike = "By each of {n} thresholds the difference was {d}"
        return text(alike, n=counted(len(rows)), d=cite.estimate(rows[0], unit=True))
    return text(
        "By {n} thresholds the difference was {low} to {high}",
        n=counted(len(rows)),
        low=cite.estimate(rows[0]),
        high=cite.estimate(rows[-1], unit=True),
    )


def _rows(
    results: Results, item: str, visit: str, threshold: Threshold, statistic: str, arm: str
) -> list[Row]:
    return results.rows(
        analysis="thresholds", item=item, visit=visit, category=threshold.words, statistic=statistic, arm=arm
    )


def _difference(
    results: Results, item: str, arm: str, visit: str, threshold: Threshold, adjusted: bool = True
) -> Row | None:
    """The difference as the block is like it, or the unadjusted one beside it."""
    found = [
        r
        for r in _rows(results, item, visit, threshold, "risk difference", arm)
        if r["method"] != NORMAL_TAIL
    ]
    if not found:
        return None
    return found[0] if adjusted else found[-1]


def _of(results: Results, words: Words, item: str, declared: Thresholds, visit: str, arm: str) -> list[Block]:
    made = [Block(_table(results, words, item, declared, visit, arm), _notes(words, declared))]
    if curve_of(results, item, arm, visit):
        named = f", {words.brief(arm)}" if len(words.treatments) > 1 else ""
        drawing = figure(
            f"Difference in responders at every threshold{named}, {words.at(visit)}.",
            text(
                "The band holds the differences at all of these thresholds together, so that any of them may be read"
                " off; the interval of one threshold alone, in the table, is shorter. Observed cases, {how}.",
                how=_weighted(results, item, arm, visit),
            ),
            lambda width: responder_band(results, item, arm, visit, width=width),
        )
        made.append(Block(drawing, noted("Dotted: the thresholds of the table that are given in points.")))
    return made


def _over_visits(results: Results, words: Words, item: str, declared: Thresholds) -> list[Block]:
    """One odds ratio for all visits of the block, where it has several."""
    rows = results.rows(analysis="thresholds", item=item, statistic="odds ratio")
    visits = joined(words.visit(v) for v in declared.at)
    names = {threshold.words: _name(words, declared, threshold) for threshold in declared.of}
    said = tuple(
        (
            f"{names.get(str(row['category']), str(row['category']))}, {visits} together"
            + (f", {words.brief(row['arm'])}" if len(words.treatments) > 1 else ""),
            text(
                "odds ratio {v}{why}",
                v=cite.with_limits(row, note=True, level=True),
                why="" if usable(row) else f": {row['reason']}",
            ),
        )
        for row in rows
    )
    if not said:
        return []
    like = words.protocol.analyses[declared.like]
    adjusted = ", adjusted for the same characteristics" if like.covariates else ""
    note = (
        f"One odds ratio of responding for these visits: generalised estimating equations{adjusted}, intervals by"
        " t on patients. Observed answers only."
    )
    return [Block(Facts(said), noted(note))]


def _weighted(results: Results, item: str, arm: str, visit: str) -> str:
    overlap = curve_of(results, item, arm, visit)[0]["target"] == "overlap"
    return "with overlap weights" if overlap else "the arms as they are"


def _table(results: Results, words: Words, item: str, declared: Thresholds, visit: str, arm: str) -> Table:
    like = words.protocol.analyses[declared.like]
    adjusted = like.adjust != "none"
    reference = words.protocol.reference
    every = [r for t in declared.of for r in _rows(results, item, visit, t, "risk difference", arm)]
    ci = level(every)
    columns = [
        Column("Improvement that counts", side="left"),
        Column(words.short(arm), arm=arm),
        Column(words.short(reference), arm=reference),
    ]
    if adjusted:
        columns.append(Column("Adjusted difference", small=ci, wide=True, card=f"Adjusted difference ({ci})"))
    beside = "Difference as the arms are"
    columns += [
        Column(beside, small=ci, wide=True, card=f"{beside} ({ci})"),
        Column(
            "Not dichotomised",
            small=f"{ci}, sensitivity",
            wide=True,
            card=f"Not dichotomised, sensitivity ({ci})",
        ),
    ]
    lines = []
    for threshold in declared.of:
        cells: list[Text] = [_share(results, item, visit, threshold, a) for a in (arm, reference)]
        if adjusted:
            cells.append(cite.with_limits(_difference(results, item, arm, visit, threshold), note=True))
        cells.append(cite.with_limits(_difference(results, item, arm, visit, threshold, adjusted=False)))
        tail = [
            r
            for r in _rows(results, item, visit, threshold, "risk difference", arm)
            if r["method"] == NORMAL_TAIL
        ]
        cells.append(cite.with_limits(tail[0] if tail else None))
        lines.append(Line(_name(words, declared, threshold), tuple(cells), small=_source(threshold)))
    caption = text(
        "Patients who improved by that much or more, among those compared; differences in percentage points. {how}"
        " {chosen}",
        how=_how(words, declared),
        chosen=words.allocation_note,
    )
    title = (
        f"{opening(words.score(declared.score).label)}: responders by"
        f" {'several thresholds' if len(declared.of) > 1 else 'one threshold'} {words.at(visit)}."
    )
    return Table(title, tuple(columns), tuple(lines), caption)


def _share(results: Results, item: str, visit: str, threshold: Threshold, arm: str) -> Markup:
    count = _rows(results, item, visit, threshold, "responders", arm)
    if not count:
        return Markup("")
    risks = [
        r for r in _rows(results, item, visit, threshold, "risk", arm) if r["target"] == "everyone"
        and r["method"] != NORMAL_TAIL
    ]  # fmt: skip
    share = text(" ({s})", s=cite.estimate(risks[0])) if risks and usable(risks[0]) else ""
    return text("{k}{share}", k=cite.of(count[0]), share=share)


def _name(words: Words, declared: Thresholds, threshold: Threshold) -> str:
    amount = threshold.amount.removesuffix("%")
    unit = words.score(declared.score).unit
    points = "points" if unit in ("%", "points", "T score", "") else unit
    what = f"{amount}% of baseline" if threshold.percent else f"{amount} {points}"
    return f"More than {what}" if threshold.strict else f"{what} or more"


def _source(threshold: Threshold) -> str:
    return f"{opening(threshold.source)} ({threshold.status})"


def _how(words: Words, declared: Thresholds) -> str:
    like = words.protocol.analyses[declared.like]
    how = words.adjustment(like)
    return f"Adjusted difference: {how[0].lower()}{how[1:]}." if like.adjust != "none" and how else ""


def _notes(words: Words, declared: Thresholds) -> tuple[Text, ...]:
    return noted(
        "Exploratory: no P values. The thresholds are those of other studies; the protocol tests one of them or another"
        " endpoint, and the rows here say what the others would have given.",
        estimands.failures(words, declared.like, "counts as not improved"),
        "Not dichotomised: the share that a normal model of the change puts beyond the threshold, one model an arm."
        " Sharper where changes are normally distributed and wrong where they are not: a sensitivity analysis only.",
    )
