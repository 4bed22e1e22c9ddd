"""How fragile the findings are: every estimate side by side, confounding, missing answers, and what none can touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from armwise.analysis.fragility import LINEAR, put_to_test
from armwise.analysis.missing_answers import PLACED, PLAIN
from armwise.analysis.negative_control import ADJUSTED, UNADJUSTED, reading
from armwise.analysis.results import Results, Row
from armwise.report import cite, comparisons
from armwise.report.cite import text
from armwise.report.figures.bias_contours import Benchmark, bias_contours
from armwise.report.numbers import number, row_decimals
from armwise.report.overturning import finding, in_words, limit_row, overturned_row, rows_of, what_is_tested
from armwise.report.page import Block, Figure, Prose, Section, figure
from armwise.report.phrases import MISSING_RULES, TARGETS
from armwise.report.shifts import shift_sentences
from armwise.report.tables import Column, Line, Table, Text, bare, noted
from armwise.report.words import Words, counted, hyphenless, inside, opening, plural
from armwise.stats.sensitivity.delta_shift import METHOD as SHIFTED
from armwise.stats.sensitivity.imputed_shifts import METHOD as IMPUTED
from armwise.stats.sensitivity.unmeasured_confounding import METHOD as OMITTED


def section(results: Results, words: Words) -> Section | None:
    """What could overturn the findings that the protocol puts to the test; None where it asks for nothing."""
    names = [n for n in put_to_test(words.protocol) if rows_of(results, n)]
    if not names:
        return None
    blocks = [b for i, name in enumerate(names) for b in _blocks(results, words, name, first=i == 0)]
    controls = _controls(results, words, names)
    blocks += [Block(controls)] if controls else []
    blocks.append(Block(Prose(tuple(_cannot(words)))))
    return Section(
        name="fragility",
        short="How fragile is it",
        heading=heading(results, words),
        question="What could overturn the findings?",
        blocks=tuple(blocks),
    )


def heading(results: Results, words: Words) -> str:
    """What could overturn the first analysis that is put to the test, by a rule.

    1. Where its interval includes no difference already there is nothing to overturn, and the heading says so.
    2. Else it names the strength of the confounder that would move the nearer limit to no difference (only where arms
       were not randomised), and then whether any combination of missing answers does, or how many.
    3. It never says that a finding is robust, sound or safe.
    With several arms it speaks of the first that is compared.
    """
    name = next(n for n in put_to_test(words.protocol) if rows_of(results, n))
    arm = words.treatments[0]
    leading = next((r for r in comparisons.leading(results, name) if r["arm"] == arm), None)
    which = finding(words, name)
    if leading is None or not comparisons.usable(leading):
        return "The comparison could not be estimated, so nothing can be said of its fragility"
    if not comparisons.excludes_no_effect(leading):
        return f"The interval of the {which} includes no difference already: there is nothing to overturn"
    limit, answers = limit_row(results, name, arm), overturned_row(results, name, arm)
    said = []
    if limit is not None:
        ratio = number(limit["estimate"], row_decimals(limit))
        said.append(
            f"an unmeasured confounder with risk ratios of {ratio} or more could overturn the {which}"
        )
    if answers is not None and answers["n"] > 1:
        said.append(in_words(answers, which if limit is None else "it"))
    return opening("; ".join(said)) if said else f"What could overturn the {which}"


def _blocks(results: Results, words: Words, name: str, first: bool) -> Iterator[Block]:
    """What is said, and folded what it is read from: the first screen has drawn the estimates of the first analysis."""
    names = [n for n in put_to_test(words.protocol) if rows_of(results, n)]
    what = what_is_tested(words, name)
    earlier = names[: names.index(name)]
    again = any(_supported(words, name) == _supported(words, other) for other in earlier)
    for arm in words.treatments:
        said = [*_confounding(results, words, name, arm), *_missing(results, words, name, arm)]
        if said:
            named = f", {words.brief(arm)}" if len(words.treatments) > 1 else ""
            title = text("<h3>{what}{named}</h3>", what=what, named=named)
            note = noted(words.allocation_note) if first and arm == words.treatments[0] else ()
            yield Block(Prose((title + said[0], *said[1:])), note, fold=f"{what}{named}" if again else "")
    if not again:  # one table for all of them
        beside = _beside(results, words, name)
        yield Block(beside, fold=f"{beside.title.rstrip('.')}, and whom it speaks of")
    for arm in words.treatments:
        drawn = _contours(results, words, name, arm)
        if drawn:
            yield Block(drawn, _contour_notes(results, words, name, arm), fold=drawn.title.rstrip("."))


def _supported(words: Words, name: str) -> str:
    """The analysis that an analysis supports, or itself."""
    supported = words.protocol.analyses[name].supports
    return supported if supported in words.protocol.analyses else name


def _beside(results: Results, words: Words, name: str) -> Table:
    """The analysis, the unadjusted one and each sensitivity analysis that supports it, with whom each speaks of.

    Of a sensitivity analysis that is put to the test: the one that it supports, with all that stand beside it.
    """
    protocol = words.protocol
    name = _supported(words, name)
    main = protocol.analyses[name]
    visit = protocol.leading_visit(main)
    lines = []
    others = [n for n, a in protocol.analyses.items() if a.supports == name and a.role == "sensitivity"]
    for other in (name, f"{name}{comparisons.UNADJUSTED}", *others):
        declared = comparisons.analysis_of(protocol, other)
        visits = protocol.analysis_visits(declared)
        at = visit if visit in visits else protocol.leading_visit(declared)
        for row in comparisons.leading(results, other, at):
            lines.append(_line(words, name, other, row, len(words.treatments) > 1))
    rows = [r for r in comparisons.leading(results, name) if comparisons.usable(r)]
    level = f"{rows[0]['conf_level'] or 0.95:.0%} CI" if rows else "interval"
    return Table(
        title=f"{what_is_tested(words, name)}: every estimate side by side.",
        columns=(
            Column("Analysis", side="left"),
            Column("Whom it speaks of", side="left", wide=True),
            Column("Difference", small=level),
            Column("Patients"),
        ),
        rows=tuple(lines),
    )


def _line(words: Words, name: str, other: str, row: Row, many: bool) -> Line:
    protocol = words.protocol
    declared = comparisons.analysis_of(protocol, other)
    plain = other.endswith(comparisons.UNADJUSTED)
    head = (
        "Unadjusted"
        if plain
        else declared.label or ("Main analysis" if other == name else opening(hyphenless(other)))
    )
    differs = [opening(words.method(declared))] if other == name else []
    if not plain and other != name:
        main = protocol.analyses[name]
        differs += [words.endpoint(declared.endpoint)] if declared.endpoint != main.endpoint else []
        differs += (
            [words.method(declared)]
            if (declared.method, declared.adjust) != (main.method, main.adjust)
            else []
        )
        differs += [MISSING_RULES[declared.missing]] if declared.missing != main.missing else []
    if many:
        differs.insert(0, words.short(row["arm"]))
    estimand = protocol.estimands.get(declared.estimand or "")
    target = row["target"] or ("everyone" if plain or estimand is None else estimand.target)
    who = TARGETS.get(target, target)
    return Line(
        head,
        (opening(who), cite.compared(row, note=True), _patients(row)),
        small=opening("; ".join(differs)),
        kind="" if other == name else "level",
    )


def _patients(row: Row) -> Markup:
    if row["n_arm"] is None:
        return cite.count(row, "n")
    return text("{a} and {b}", a=cite.count(row, "n_arm"), b=cite.count(row, "n_versus"))


def _confounding(results: Results, words: Words, name: str, arm: str) -> Iterator[Markup]:
    """The E-values in words."""
    found = {r["category"]: r for r in rows_of(results, name, statistic="e-value", arm=arm)}
    point, limit = found.get("estimate"), found.get("nearer limit")
    if point is None or limit is None:
        return
    if not comparisons.usable(point):
        yield text("No E-value could be made: {why}.", why=(point["reason"] or "").rstrip("."))
        return
    ratio = next(iter(rows_of(results, name, statistic="risk ratio", arm=arm)), None)
    declared = words.protocol.analyses[name]
    first = (
        text("As a ratio of risks the estimate is {r}.", r=cite.with_limits(ratio, note=True, level=True))
        if ratio and comparisons.usable(ratio)
        else text(
            "The difference was made into an approximate ratio of risks, by its size in standard deviations."
        )
    )
    beyond = (
        f" beyond the {counted(len(declared.covariates))} {plural(len(declared.covariates), 'characteristic')} that"
        f" {'was' if len(declared.covariates) == 1 else 'were'} adjusted for"
        if declared.adjust != "none"
        else ""
    )
    touch = (
        text("for the interval to include no difference, of {l}", l=cite.estimate(limit, note=True))
        if limit["estimate"] > 1
        else text("the interval includes no difference without any")
    )
    yield text(
        "{first} A confounder that was not measured would account for all of it only if it went with the choice of arm,"
        " and with the outcome, by a risk ratio of {e} each,{beyond}; {touch} (E-values{approximate}).",
        first=first, e=cite.estimate(point, note=True), beyond=beyond or " at least", touch=touch,
        approximate=", approximate" if point["reason"] == "approximate" else "",
    )  # fmt: skip


def _missing(results: Results, words: Words, name: str, arm: str) -> Iterator[Markup]:
    """What the missing answers could do, in words."""
    rows = {r["method"]: r for r in rows_of(results, name, statistic="combinations overturned", arm=arm)}
    for method in (PLAIN, PLACED, IMPUTED, SHIFTED):
        row = rows.get(method)
        if row is None:
            continue
        if not comparisons.usable(row):
            yield text("The {what} could not be tried: {why}.", what=_of(method), why=row["reason"])
            continue
        if row["n"] <= 1:
            if method in (PLAIN, IMPUTED, SHIFTED):
                yield text("No answer is missing: there is nothing to try.")
            continue
        yield text(
            "Of {n} {what}, {k} would make the interval include no difference.{likely}",
            what=_of(method), k=cite.count_or_none(row), n=cite.count(row, "n"),
            likely=_likely(results, name, arm) if method == PLAIN and row["estimate"] else "",
        )  # fmt: skip
        if method in (IMPUTED, SHIFTED):
            yield from shift_sentences(results, words, name, arm, method)


def _of(method: str) -> str:
    return {
        PLAIN: "combinations of how many of the missing improved in each arm (not adjusted)",
        PLACED: "combinations (weighted, those who improved placed as much against the difference as their number"
        " allows)",
        IMPUTED: "combinations of shifts of the imputed outcomes",
        SHIFTED: "combinations of shifts of the missing outcomes",
    }[method]


def _likely(results: Results, name: str, arm: str) -> Markup:
    found = rows_of(results, name, statistic="overturning probability", arm=arm)
    if not found or not comparisons.usable(found[0]):
        return Markup("")
    said = (
        cite.cited(found[0], "estimate", "less than 1%")
        if found[0]["estimate"] < 0.005
        else cite.estimate(found[0])
    )
    return text(" Were the missing of each arm like its observed, their probability would be {p}.", p=said)


def _contours(results: Results, words: Words, name: str, arm: str) -> Figure | None:
    linear = next(iter(rows_of(results, name, method=LINEAR, arm=arm)), None)
    robust = {r["category"]: r for r in rows_of(results, name, statistic="robustness value", arm=arm)}
    if linear is None or not comparisons.usable(linear) or "estimate" not in robust:
        return None
    marks = tuple(_benchmarks(results, words, name, arm))
    what = what_is_tested(words, name)
    return figure(
        f"{what}: what a confounder that was not measured would leave.",
        text(
            "Contours: the difference had a confounder of these strengths been measured, in the worst direction."
            " Points: one as strong as a measured characteristic, once or several times.",
        ),
        lambda width: bias_contours(
            results,
            linear,
            marks,
            robustness=robust["estimate"]["estimate"],
            name=f"contours {name} {arm}",
            what=what,
            width=width,
        ),
    )


def _benchmarks(results: Results, words: Words, name: str, arm: str) -> Iterator[Benchmark]:
    shares = {
        (r["category"], r["at"]): r["estimate"]
        for r in rows_of(results, name, statistic="partial r2", arm=arm)
        if r["at"] is not None
    }
    for row in rows_of(results, name, statistic="mean difference", method=OMITTED, arm=arm):
        key = row["category"]
        if comparisons.usable(row) and (f"{key}: arm", row["at"]) in shares:
            label = f"{row['at']:g} × {inside(words.covariate(key))}"
            yield Benchmark(
                label, shares[f"{key}: arm", row["at"]], shares[f"{key}: outcome", row["at"]], row
            )


def _contour_notes(results: Results, words: Words, name: str, arm: str) -> tuple[Text, ...]:
    robust = {r["category"]: r for r in rows_of(results, name, statistic="robustness value", arm=arm)}
    alone = next(
        (r for r in rows_of(results, name, statistic="partial r2", arm=arm, category="arm: outcome")), None
    )
    no_interval = [
        r
        for r in rows_of(results, name, statistic="mean difference", method=OMITTED, arm=arm)
        if comparisons.usable(r) and r["lower"] is None
    ]
    return noted(
        text(
            "A confounder that explains {a} of what is left of the arm and of the outcome, both, would leave no"
            " difference; one that explains {b} of both, an interval that includes none.",
            a=cite.estimate(robust["estimate"], note=True),
            b=cite.estimate(robust["nearer limit"], note=True),
        ),
        text(
            "One that explained all that is left of the outcome would have to explain {c} of the arm.",
            c=cite.estimate(alone, note=True),
        )
        if alone
        else "",
        text("A point that would explain all that is left of the outcome has no interval.")
        if no_interval
        else "",
    )


def _controls(results: Results, words: Words, names: Sequence[str]) -> Table | None:
    """Outcomes on which the treatment cannot act: adjusted as each analysis is, unadjusted, and what that says."""
    many = len(words.treatments) > 1
    lines: dict[tuple[Text, ...], Line] = {}
    for name in names:
        plain = {(r["endpoint"], r["arm"]): r for r in rows_of(results, name, category=UNADJUSTED)}
        for r in rows_of(results, name, category=ADJUSTED):
            beside = plain.get((r["endpoint"], r["arm"]))
            _, _, said = reading(r).partition(":")
            of = ", ".join(filter(None, (words.short(r["arm"]) if many else "", words.at(r["visit"]))))
            head = opening(words.endpoint(r["endpoint"]))
            cells = (
                cite.with_limits(r, note=True, unit=True, level=True),
                cite.with_limits(beside, unit=True) if beside else "",
                _patients(r) if comparisons.usable(r) else "",
                opening(said.strip()),
            )
            seen = (head, of, *(bare(cell) for cell in cells))
            earlier = f"{lines[seen].small}; " if seen in lines else f"{of}; as "
            lines[seen] = Line(head, cells, small=f"{earlier}{inside(what_is_tested(words, name))}")
    if not lines:
        return None
    return Table(
        title="Negative controls.",
        columns=(
            Column("Outcome", side="left"),
            Column("Difference", "adjusted as the analysis"),
            Column("Unadjusted"),
            Column("Patients"),
            Column("What it says", side="left", wide=True),
        ),
        rows=tuple(lines.values()),
        caption="Outcomes on which the treatment cannot act, compared as each analysis compares its own, whatever came"
        " between. An interval that includes no difference does not prove that no confounding is left.",
    )


def _cannot(words: Words) -> Iterator[Text]:
    """What no number of this section can touch."""
    by_patient = any(form.by == "patient" for form in words.protocol.forms.values())
    if words.protocol.study.masking == "open-label":
        scored = "scored their own outcome" if by_patient else "took part in the assessment of the outcome"
        yield (
            f"None of this addresses expectation: patients knew their treatment and {scored}. No confounder, weight or"
            " rule for missing answers stands for what knowing it does to an answer."
        )
    if words.nonrandomised:
        yield (
            "These numbers say how strong a bias would have to be, not whether there is one. A small number is a"
            " warning; a large one is no proof."
        )
