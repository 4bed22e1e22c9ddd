"""What exactly was estimated: the estimands, the events that come between, and the trial that was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from armwise.analysis.results import Results
from armwise.protocol.model import Analysis
from armwise.protocol.target_trial import Components
from armwise.report import comparisons
from armwise.report.cite import count, text
from armwise.report.page import Block, Section
from armwise.report.phrases import STRATEGIES, TARGETS
from armwise.report.tables import Column, Line, Table, Text
from armwise.report.words import Words, hyphenless, inside, joined, opening

#: The components of a target trial, in the order of TARGET 2025.
COMPONENTS = {
    "eligibility": "Who could take part",
    "strategies": "Treatments",
    "assignment": "Assignment",
    "follow_up": "Time zero and follow-up",
    "outcomes": "Outcomes",
    "contrasts": "What is estimated",
    "assumptions": "What must be assumed",
    "analysis": "Analysis",
}
#: A strategy for intercurrent events, as ICH E9(R1) calls it.
STRATEGY_NAMES = {
    "treatment-policy": "treatment policy",
    "non-response": "composite (non-response)",
    "hypothetical": "hypothetical",
    "while-on-treatment": "while on treatment",
}
#: The summary of a method over the patients of an arm.
SUMMARIES = {
    "ancova": "difference in means",
    "mean-difference": "difference in means",
    "permutation": "difference in means",
    "mmrm": "difference in means",
    "mann-whitney": "shift",
    "risk-difference": "difference in risks",
    "risk-ratio": "ratio of risks",
    "odds-ratio": "odds ratio",
    "fisher-exact": "odds ratio",
    "proportional-odds": "odds ratio",
    "gee": "odds ratio",
}


def section(results: Results, words: Words) -> Section | None:
    """The estimands with their events, and the target trial; None where the protocol declares neither."""
    protocol = results.protocol
    blocks = []
    if protocol.estimands:
        primary = comparisons.analysis_of(protocol, comparisons.primary_name(protocol)).estimand
        main = [name for name in protocol.estimands if name == primary] or list(protocol.estimands)
        others = [name for name in protocol.estimands if name not in main]
        asked = (
            "Population, treatments, variable, events and summary, as ICH E9(R1) asks; each analysis names its"
            " estimand."
        )
        title = "The main estimand." if others else "Estimands."
        blocks.append(Block(_attributes(words, main, title, asked)))
        if others:
            rest = "Estimands of the other analyses"
            blocks.append(Block(_attributes(words, others, f"{rest}.", "In the same order."), fold=rest))
    if protocol.events:
        blocks.append(Block(_events(results, words), _notes(words)))
    if protocol.target_trial is not None:
        trial = "The target trial: the randomised trial that was meant, beside this study"
        blocks.append(Block(_target_trial(words), (_what_a_trial_would_add(words),), fold=trial))
    if not blocks:
        return None
    return Section(
        name="estimands",
        short="Estimands",
        heading=f"The main estimate speaks of {_primary(words)}",
        question="What exactly was estimated, and for whom?",
        blocks=tuple(blocks),
    )


def _primary(words: Words) -> str:
    """Whom the primary estimate speaks of: the heading says no more than that."""
    declared = comparisons.analysis_of(words.protocol, comparisons.primary_name(words.protocol))
    estimand = words.protocol.estimands.get(declared.estimand or "")
    target = estimand.target if estimand else "everyone"
    return TARGETS[target]


def _attributes(words: Words, names: Sequence[str], title: str, caption: str) -> Table:
    """What ICH E9(R1) asks of each estimand, as its analyses use it."""
    protocol = words.protocol
    arms = " against ".join(words.arm(a) for a in (*words.treatments, protocol.reference))
    lines = []
    for name in names:
        estimand = protocol.estimands[name]
        declared = protocol.analysis_sets.get(estimand.set)
        used = [a for a in protocol.analyses.values() if a.estimand == name]
        events = _strategies(words, estimand.events)
        population = (
            f"{(declared.label if declared else '') or hyphenless(estimand.set)}; {TARGETS[estimand.target]}"
        )
        lines.append(
            Line(
                opening(hyphenless(name)),
                (
                    population,
                    arms,
                    _variables(words, used),
                    opening(events) or "None declared",
                    _summaries(used),
                ),
                estimand.label,
            )
        )
    columns = (
        Column("Estimand", side="left"),
        Column("Population", side="left", wide=True),
        Column("Treatments", side="left", wide=True),
        Column("Variable", side="left", wide=True),
        Column("Intercurrent events", side="left", wide=True),
        Column("Summary", side="left", wide=True),
    )
    return Table(title, columns, tuple(lines), caption, compact=True)


def _strategies(words: Words, events: Mapping[str, str]) -> str:
    """`Counted as no response: spine surgery, death. Counted whatever happened: ...`, one part a strategy."""
    known = words.protocol.events
    parts = []
    for strategy in dict.fromkeys(events.values()):
        named = [e for e, s in events.items() if s == strategy]
        listed = joined(
            inside(known[e].label or hyphenless(e)) if e in known else hyphenless(e) for e in named
        )
        parts.append(f"{opening(STRATEGIES[strategy])}: {listed}.")
    return " ".join(parts)


def failures(words: Words, analysis: str, what: str) -> str:
    """Whom an analysis counts as no response whatever was answered: its counts may differ from those of the answers.

    Args:
        words: how the study is spoken of.
        analysis: the analysis.
        what: what becomes of such a patient, as the end of a sentence.

    Returns:
        A sentence; nothing where the analysis has no such event.
    """
    declared = words.protocol.analyses[analysis]
    estimand = words.protocol.estimands.get(declared.estimand or "")
    events = [e for e, s in estimand.events.items() if s == "non-response"] if estimand else []
    if not events:
        return ""
    known = words.protocol.events
    named = (inside(known[e].label or hyphenless(e)) if e in known else hyphenless(e) for e in events)
    return (
        f"After {joined(named, 'or')} a patient {what}, whatever was answered since: counts of the answers alone may"
        " differ."
    )


def _variables(words: Words, used: list[Analysis]) -> str:
    """What is compared: the analyses that answer a question, not those that check them."""
    leading = [a for a in used if a.role in ("primary", "key-secondary", "secondary")] or used
    return opening(joined(dict.fromkeys(inside(words.endpoint(a.endpoint)) for a in leading))) or "–"


def _summaries(used: list[Analysis]) -> str:
    return opening(joined(dict.fromkeys(SUMMARIES.get(a.method, hyphenless(a.method)) for a in used))) or "–"


def _events(results: Results, words: Words) -> Table:
    """How many patients had each event, and what each estimand makes of it."""
    protocol = results.protocol
    lines = []
    for event, declared in protocol.events.items():
        by_strategy: dict[str, list[str]] = {}
        for name, e in protocol.estimands.items():
            if event in e.events:
                by_strategy.setdefault(e.events[event], []).append(hyphenless(name))
        everywhere = len(by_strategy) == 1 and len(next(iter(by_strategy.values()))) == len(
            protocol.estimands
        )
        strategies = "; ".join(
            STRATEGY_NAMES[s] if everywhere else f"{STRATEGY_NAMES[s]} ({joined(names)})"
            for s, names in by_strategy.items()
        )
        cells: list[Text] = []
        for arm in words.arms:
            found = results.one(analysis="intercurrent events", item=event, arm=arm)
            cells.append(text("{n} of {of}", n=count(found), of=found["n"]) if found else "–")
        lines.append(
            Line(declared.label or hyphenless(event), (*cells, opening(strategies) or "No strategy declared"))
        )
    columns = (
        Column("Event", side="left"),
        *(Column(opening(words.arm(a)), arm=a) for a in words.arms),
        Column("Strategy", side="left", wide=True),
    )
    return Table("Intercurrent events.", columns, tuple(lines), "Patients with the event on or after day 0.")


def _notes(words: Words) -> tuple[Text, ...]:
    return (
        "A strategy says what becomes of an answer given after the event. “Treatment policy” keeps it, “non-response”"
        " counts it as no response, “hypothetical” sets it aside as if the event had not happened, which nobody can"
        " observe." + _while_on_treatment(words),
    )


def _while_on_treatment(words: Words) -> str:
    """What this strategy does, where an estimand has it."""
    if not any("while-on-treatment" in e.events.values() for e in words.protocol.estimands.values()):
        return ""
    return " “While on treatment” takes the last answer before the event (while alive, where it is death)."


def _target_trial(words: Words) -> Table:
    declared = words.protocol.target_trial
    assert declared is not None
    lines = [
        Line(
            head,
            (getattr(declared.trial, key) or "–", getattr(declared.study, key) or _as_declared(words, key)),
        )
        for key, head in COMPONENTS.items()
    ]
    columns = (
        Column("Component", side="left"),
        Column("The randomised trial that was meant", side="left", wide=True),
        Column("This study", side="left", wide=True),
    )
    return Table("The target trial.", columns, tuple(lines), "In the order of TARGET 2025, items 6 and 7.")


def _as_declared(words: Words, key: str) -> str:
    """What the rest of the protocol says of a component; every key of `Components` has its words."""
    protocol = words.protocol
    primary = comparisons.analysis_of(protocol, comparisons.primary_name(protocol))
    last = protocol.leading_visit(primary)
    said = {
        "eligibility": "As in the trial" if protocol.eligibility.inclusion else "Not declared",
        "strategies": "; ".join(protocol.arms[a].label for a in words.arms),
        "assignment": opening(words.allocated),
        "follow_up": f"From day 0 to {words.visit(last)}",
        "outcomes": opening(words.criterion(primary.endpoint)),
        "contrasts": f"The difference among {_primary(words)}",
        "assumptions": _assumption(words, primary),
        "analysis": opening(words.method(primary)),
    }  # fmt: skip
    assert said.keys() == set(Components.model_fields)
    return said[key]


def _assumption(words: Words, primary: Analysis) -> str:
    if not primary.covariates:
        return "The arms would have done alike"
    covariates = joined(inside(words.covariate(c)) for c in primary.covariates)
    return f"Nothing but {covariates} influences both the choice of treatment and the outcome"


def _what_a_trial_would_add(words: Words) -> Text:
    if not words.nonrandomised:
        return "The study is a randomised trial; what is set out here is how it departs from the one that was meant."
    return (
        "Setting a study out like this removes mistakes of design, such as a time zero that one arm reaches only after"
        " surviving or improving. It does not make the arms comparable: that still rests on the covariates that were"
        " recorded."
    )
