"""Were the arms comparable: who could have had either treatment, what weighting costs, and what one site does."""

from __future__ import annotations

from armwise.analysis.baseline import is_weighted
from armwise.analysis.overlap import C_STATISTIC, COVARIATES, FIRST_SET, IMPROBABLE, ONLY_HERE, OUTSIDE
from armwise.analysis.results import Results, Row
from armwise.protocol.model import Analysis
from armwise.protocol.plan import WEIGHTED
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.comparisons import usable
from armwise.report.figures.scores import bins_of, percentile_of, scores
from armwise.report.page import Block, Facts, Prose, Section, figure
from armwise.report.phrases import TARGETS
from armwise.report.sections import site_by_site
from armwise.report.tables import Column, Line, Table, Text, noted
from armwise.report.words import Words, joined, opening, plural, spoken


def section(results: Results, words: Words) -> Section | None:
    """The scores side by side, what the weighted arms carry, spread and shape, and sites; None without any."""
    arms = [arm for arm in words.treatments if _one(results, words, arm, C_STATISTIC) is not None]
    by_site = site_by_site.blocks(results, words)
    if not arms and not by_site:
        return None
    blocks = [block for arm in arms for block in _of_arm(results, words, arm)]
    table = _shape(results, words)
    return Section(
        name="overlap",
        short="Were the arms comparable",
        heading=_heading(results, words, arms[0]) if arms else "The comparison without each site",
        question="Could a patient like these have been in either arm?",
        blocks=(
            *blocks,
            *([Block(table, _shape_notes(), fold=table.title.rstrip("."))] if table else ()),
            *by_site,
        ),
    )


def _primary(words: Words) -> Analysis:
    return words.protocol.analyses[comparisons.primary_name(words.protocol)]


def _one(results: Results, words: Words, arm: str, statistic: str, category: str | None = None) -> Row | None:
    """A row about an arm and the reference together."""
    found = results.rows(
        analysis="overlap", arm=arm, versus=words.protocol.reference, statistic=statistic, category=category
    )
    return found[0] if found else None


def _pair(results: Results, words: Words, arm: str, category: str) -> list[Row]:
    """The counts of a category in an arm and in the reference."""
    reference = words.protocol.reference
    sides = ((arm, reference), (reference, arm))
    rows = [results.rows(analysis="overlap", arm=a, versus=b, category=category) for a, b in sides]
    return [found[0] for found in rows if found]


def _heading(results: Results, words: Words, arm: str) -> Text:
    """How many of each arm have nobody like them in the other, as counts; it claims no direction."""
    outside = _pair(results, words, arm, OUTSIDE)
    only = _pair(results, words, arm, ONLY_HERE)
    if outside and not any(r["estimate"] for r in outside):
        return f"No patient’s probability of {words.brief(arm)} lay outside the other arm’s range"
    if outside:
        return text("{who} lay outside the other arm’s range of probabilities", who=_counts(words, outside))
    if any(r["estimate"] for r in only):
        return text("{who} could only have been in their arm", who=_counts(words, only))
    return "Whether the arms were comparable could not be estimated"


def _counts(words: Words, rows: list[Row]) -> Text:
    return cite.listed(
        [
            text(
                "{k} of {n}{noun} with {arm}",
                k=cite.count(r),
                n=cite.count(r, "n"),
                noun="" if i else " patients",
                arm=words.brief(r["arm"]),
            )
            for i, r in enumerate(rows)
        ]
    )


def _of_arm(results: Results, words: Words, arm: str) -> list[Block]:
    declared = _primary(words)
    made = [Block(Prose((_said(results, words, arm),)), _target(words, declared))]
    if bins_of(results, arm, arm):
        drawing = figure(
            f"The probability of {words.brief(arm)}, arm by arm.",
            text(
                "How likely each patient was to have {arm}, by the characteristics of the primary analysis. Patients"
                " beyond the dotted lines have nobody with such a probability in the other arm.{drawn} {chosen}",
                arm=words.brief(arm),
                drawn=_drawn(results, words, arm),
                chosen=words.allocation_note,
            ),
            lambda width: scores(results, arm, width=width),
        )
        made.append(Block(drawing))
    facts = _facts(results, words, arm)
    return [*made, Block(Facts(facts))] if facts else made


def _drawn(results: Results, words: Words, arm: str) -> str:
    """That missing characteristics were drawn, and that one draw of them is shown."""
    statistic = _one(results, words, arm, C_STATISTIC)
    shown = statistic is not None and statistic["reason"] == FIRST_SET
    return " Missing characteristics are as drawn in the first of the completed data sets." if shown else ""


def _said(results: Results, words: Words, arm: str) -> Text:
    """Positivity in words; where the covariates separate the arms, which ones do."""
    given = joined(spoken(words.covariate(c)) for c in _primary(words).covariates)
    statistic = _one(results, words, arm, C_STATISTIC)
    if statistic is not None and not usable(statistic):
        only = [r for r in _pair(results, words, arm, ONLY_HERE) if r["estimate"]]
        who = text(" {who} could only have been in their arm.", who=_counts(words, only)) if only else ""
        return text(
            "The probability of {arm} given {given} could not be estimated: {why}.{who}",
            arm=words.brief(arm), given=given, why=statistic["reason"], who=who,
        )  # fmt: skip
    ranges = [
        text(
            "from {low} to {high} with {arm}",
            low=cite.estimate(percentile_of(results, arm, mine, 0.0), 2),
            high=cite.estimate(percentile_of(results, arm, mine, 100.0), 2),
            arm=words.brief(mine),
        )
        for mine in (arm, words.protocol.reference)
    ]
    unlikely = _one(results, words, arm, "count", IMPROBABLE)
    return text(
        "Given {given}, a patient’s probability of {arm} ranged {ranges}. {outside} had a probability outside the range"
        " of the other arm: a comparison that speaks of them rests on the model and not on patients. Of {n} patients,"
        " {few} had a probability below 0.05 of the treatment that they had.",
        given=given,
        arm=words.brief(arm),
        ranges=cite.listed(ranges),
        outside=_counts(words, _pair(results, words, arm, OUTSIDE)),
        few=cite.count_or_none(unlikely) if unlikely else "",
        n=cite.count(unlikely, "n"),
    )


def _target(words: Words, declared: Analysis) -> tuple[Text, ...]:
    """Whom the primary analysis speaks of, and why that matters here."""
    if declared.adjust not in WEIGHTED:
        return ()
    estimand = words.protocol.estimands.get(declared.estimand or "")
    target = (
        estimand.target if estimand else ("overlap" if declared.adjust == "overlap-weights" else "everyone")
    )
    how = {
        "overlap": " Each patient counts by the probability of the other arm: whoever could hardly have been in it"
        " counts little, and nobody’s weight can be large.",
        "everyone": " A patient with a treatment that was improbable counts for many.",
        "treated": " A patient of the other arm counts by the odds of this one.",
    }[target]
    return (f"The primary analysis speaks of {TARGETS[target]}.{how}",)


def _facts(results: Results, words: Words, arm: str) -> tuple[tuple[str, Text], ...]:
    facts: list[tuple[str, Text]] = []
    name = comparisons.primary_name(words.protocol)
    sizes = [
        text("{ess} of {n} with {arm}", ess=cite.estimate(r), n=cite.count(r, "n"), arm=words.brief(r["arm"]))
        for mine in (arm, words.protocol.reference)
        for r in results.rows(analysis=name, arm=mine, statistic="effective sample size", subgroup=None)[-1:]
        if usable(r)
    ]
    if sizes:
        facts.append(("Weighted, the arms carry the information of", cite.listed(sizes)))
    statistic = _one(results, words, arm, C_STATISTIC)
    if statistic is not None and usable(statistic):
        told = text("c statistic {c} (0.50: not at all; 1.00: completely)", c=cite.estimate(statistic, 2))
        facts.append(("How far the characteristics tell the arms apart", told))
    model = _one(results, words, arm, COVARIATES)
    if model is not None:
        declared = len(_primary(words).covariates)
        out = f"; {model['reason']}" if model["reason"] else "; none was left out"
        kept = text(
            "{k} of {n} declared {noun}{out}",
            k=cite.estimate(model, 0), n=declared, noun=plural(declared, "characteristic"), out=out,
        )  # fmt: skip
        facts.append(("In the model of who was in which arm", kept))
    return tuple(facts)


def _shape(results: Results, words: Words) -> Table | None:
    """Spread and shape of the measured characteristics, before and after weighting."""
    if len(words.treatments) > 1:
        return None
    rows = [
        r
        for r in results.rows(analysis="baseline", statistic=["variance ratio", "distribution distance"])
        if r["arm"] == words.treatments[0]
    ]
    if not any(is_weighted(r) for r in rows):
        return None
    found = {(r["item"], r["statistic"], is_weighted(r)): r for r in rows}
    lines = [
        Line(
            opening(words.covariate(item)),
            tuple(
                text(
                    "{a} → {b}",
                    a=cite.estimate(found.get((item, statistic, False)), 2),
                    b=cite.estimate(found.get((item, statistic, True)), 2),
                )
                for statistic in ("variance ratio", "distribution distance")
            ),
        )
        for item in dict.fromkeys(r["item"] for r in rows)
    ]
    columns = (
        Column("Characteristic", side="left"),
        Column("Ratio of variances", "before → after"),
        Column("Distance", "before → after"),
    )
    caption = f"Before and after weighting, {words.short(words.treatments[0])} against"
    return Table(
        "Spread and shape of the measured characteristics.", columns, tuple(lines),
        f"{caption} {words.short(words.protocol.reference)}. {words.allocation_note}",
    )  # fmt: skip


def _shape_notes() -> tuple[Text, ...]:
    return noted(
        "Ratio of variances: 1 where the spread is alike. Distance: the largest gap between the two shares of patients"
        " at or below any value, 0 where the distributions are alike. Means alone do not show either."
    )
