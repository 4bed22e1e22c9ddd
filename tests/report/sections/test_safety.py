"""The section on harm: what its heading may say, what it names, what it leaves out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report import html
from armwise.report.numbers import in_points
from armwise.report.page import Prose, Section
from armwise.report.sections import safety
from armwise.report.tables import Table
from armwise.report.words import Words

ITEMS = {
    "date": {"type": "date"},
    "term": {"type": "text"},
    "severity": {"type": "integer", "range": [1, 5]},
    "serious": {"type": "choice", "choices": ["yes", "no"]},
    "related": {"type": "choice", "choices": ["no", "treatment", "procedure"]},
    "outcome": {
        "type": "choice",
        "choices": {"recovered": "Recovered", "open": "Not recovered", "fatal": "Fatal"},
    },
}
SAFETY: dict[str, Any] = {
    "grade": "severity", "serious": "serious", "outcome": "outcome",
    "related": {"item": "related", "values": ["treatment", "procedure"]},
    "procedure_related": {"item": "related", "values": ["procedure"]},
}  # fmt: skip
KEYS = ("subject", "date", "term", "severity", "serious", "related", "outcome")
MILD = [
    ("p101", 3, "bruise", 1, "no", "procedure", "recovered"),
    ("p101", 9, "pain flare", 2, "no", "treatment", "recovered"),
    ("p102", 9, "pain flare", 2, "no", "no", "recovered"),
]
SERIOUS = [*MILD, ("p103", 70, "wound infection", 3, "yes", "procedure", "open")]


def on(day: int) -> dt.date:
    return dt.date(2026, 1, 1) + dt.timedelta(days=day)


@pytest.fixture(scope="module")
def run(small: Any) -> Callable[..., Results]:
    def made(
        events: list[tuple[Any, ...]], people: int = 80, table: bool = True, more: Any = None, **safety: Any
    ) -> Results:
        forms = {
            **small.protocol["forms"],
            "adverse_events": {"keys": ["subject", "date", "term"], "items": ITEMS},
        }
        subjects = [
            {**p, "subject": f"p{101 + i}"}
            for i, p in enumerate(small.people(["new", "old"] * (people // 2)))
        ]
        rows = [dict(zip(KEYS, (e[0], on(e[1]), *e[2:]), strict=True)) for e in events]
        if not rows and table:  # the note that there was nothing to record: a table without events
            rows = [{**dict.fromkeys(KEYS), "subject": "p101", "status": "not done"}]
        visits = [
            r for p in subjects for r in small.records(p["subject"], ("baseline", 0, 30), ("m3", 90, 20))
        ]
        tables = {"subjects": subjects, "scale": visits, **({"adverse_events": rows} if rows else {})}
        declared = {k: v for k, v in {**SAFETY, **safety}.items() if v is not None}
        sections = more or {}
        return analyse(
            small.study(
                tables,
                **{**sections, "forms": {**forms, **sections.get("forms", {})}, "safety": declared},
            )
        )

    return made


@pytest.fixture(scope="module")
def mild(run: Callable[..., Results]) -> Results:
    return run(MILD)


@pytest.fixture(scope="module")
def serious(run: Callable[..., Results]) -> Results:
    return run(SERIOUS)


def section_of(results: Results) -> Section:
    found = safety.section(results, Words.of(results))
    assert found is not None
    return found


def plain(markup: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", str(markup)))


def table(results: Results, title: str) -> Table:
    return next(
        b.main
        for b in section_of(results).blocks
        if isinstance(b.main, Table) and b.main.title.startswith(title)
    )


def lines(found: Table) -> list[tuple[str, ...]]:
    return [(plain(line.head), *(plain(c) for c in line.cells)) for line in found.rows]


def markup_of(results: Results) -> str:
    """Everything that the section says, as it would stand on the page."""
    made = section_of(results)
    parts: list[object] = [made.heading, made.question]
    for block in made.blocks:
        if isinstance(block.main, Table):
            found = block.main
            parts += [
                found.title,
                found.caption,
                *found.notes,
                *(f"{c.head} {c.small}" for c in found.columns),
            ]
            parts += [part for line in found.rows for part in (line.head, line.small, *line.cells)]
        elif isinstance(block.main, Prose):
            parts += block.main.paragraphs
        parts += block.side
    return " ".join(map(str, parts))


def text_of(results: Results) -> str:
    return plain(markup_of(results))


def test_a_study_that_declares_no_safety_has_no_such_section(two_arms: Results) -> None:
    bare = dataclasses.replace(two_arms, table=two_arms.table.filter(two_arms.table["analysis"] != "safety"))
    assert safety.section(bare, Words.of(bare)) is None


def test_no_serious_event_is_said_with_what_that_does_not_rule_out(mild: Results) -> None:
    assert plain(section_of(mild).heading) == (
        "1 of 40 patients with new and 1 of 40 with old had an adverse event; no serious one was seen, but 0 of 40 does"
        " not rule out a risk of 8.8%"
    )


def test_serious_events_are_counted_in_the_heading(serious: Results) -> None:
    assert plain(section_of(serious).heading).endswith("a serious one: 1 of 40 with new and 0 of 40 with old")


def test_without_seriousness_the_heading_says_nothing_of_it(run: Callable[..., Results]) -> None:
    heading = plain(section_of(run(MILD, serious=None)).heading)
    assert heading == "1 of 40 patients with new and 1 of 40 with old had an adverse event"


def test_which_limit_it_is_stands_beside_it(mild: Results) -> None:
    said = text_of(mild)
    assert (
        "None of 40 patients with new and none of 40 with old had a serious event, an event of grade 3 or more or a"
        " fatal event" in said
    )
    assert (
        "0 of 40 does not rule out a risk of 8.8% (upper limit of the two-sided 95% CI; on one side 7.2%; by the rule"
        " of three 7.5%)"
    ) in said
    assert said.count("by the rule of three") == 1  # arms alike share a sentence
    assert "exact two-sided 95% CI" in said


def test_what_is_related_to_the_procedure_is_not_compared_and_that_is_said(serious: Results) -> None:
    found = {row[0]: row[1:] for row in lines(table(serious, "Adverse events that began"))}
    assert found["Related to the procedure"][-1] == "not compared"
    assert found["Related to the arm’s own treatment"][-1] == "not compared"
    assert found["Any adverse event"] == (
        "2 of 40 (5%)1 to 17%; 3 events",
        "1 of 40 (3%)0 to 13%; 1 event",
        "",
    )
    assert found["not related to the procedure"][0].startswith(
        "0 of 40"
    )  # the last of them: of the serious ones
    assert "has no control comparison: without the procedure it cannot happen" in text_of(serious)


def test_the_differences_are_said_to_be_unadjusted_where_arms_were_not_randomised(mild: Results) -> None:
    said = text_of(mild)
    assert "the differences are not adjusted for how the arms differed" in said
    study = mild.protocol.study.model_copy(update={"allocation": "randomised"})
    randomised = dataclasses.replace(mild, protocol=mild.protocol.model_copy(update={"study": study}))
    assert "not adjusted for how" not in text_of(randomised)


def test_nothing_is_tested(serious: Results) -> None:
    for block in section_of(serious).blocks:
        if isinstance(block.main, Table):
            assert not any(plain(c.head) == "P" for c in block.main.columns)
    assert "No P values" in text_of(serious)


def test_every_serious_event_is_listed_in_words_without_patient_or_date(serious: Results) -> None:
    assert lines(table(serious, "Every serious")) == [
        (
            "Wound infection",
            "New",
            "in month 3",
            "grade 3 (severe), related to the procedure, not recovered",
            "1",
        ),
    ]
    said = text_of(serious)
    assert "p103" not in said
    assert "2026" not in said


def test_where_there_was_no_serious_event_that_is_said_once(
    mild: Results, run: Callable[..., Results]
) -> None:
    assert "none to list" not in text_of(mild)  # none of 40 had a serious event: that says it
    unsaid = [(*e[:4], None, *e[5:]) if e[0] == "p101" else e for e in MILD]
    assert "No serious adverse event was recorded, so there is none to list." in text_of(
        run([*unsaid, ("p104", 9, "fall", 1, None, "no", "recovered")])
    )


def test_an_event_of_which_nobody_said_whether_it_was_serious_is_not_called_not_serious(
    run: Callable[..., Results],
) -> None:
    results = run([(*MILD[0][:4], None, *MILD[0][5:]), *MILD[1:]])
    assert plain(section_of(results).heading).endswith(
        "had an adverse event; of some it is not known whether they were serious: 1 with new"
    )
    said = text_of(results)
    assert "Events not known to be “serious” or not: 1 with new." in said
    assert "None of 40 patients with new had an event of grade 3 or more or a fatal event" in said
    assert "None of 40 patients with old had a serious event" in said


def test_what_nobody_had_is_one_line(mild: Results) -> None:
    found = {row[0]: row[1:] for row in lines(table(mild, "Adverse events that began"))}
    assert found["Serious, grade 3 or more or fatal"][:2] == ("0 of 400.0 to 8.8%", "0 of 400.0 to 8.8%")
    assert not {"Serious", "Fatal", "Grade 3 or more"} & found.keys()


INJECTED = {
    "keys": ["subject", "structure"], "arms": ["new"],
    "items": {"structure": {"type": "choice", "choices": ["disc"]}},
}  # fmt: skip


def test_an_arm_without_the_procedure_has_no_share_of_its_events(run: Callable[..., Results]) -> None:
    more = {
        "forms": {"injected": INJECTED},
        "treatments": {"procedures": {"form": "injected", "structure": "structure"}},
    }
    results = run(MILD, more=more)
    rates = {row[0]: row[1:] for row in lines(table(results, "Rates per 100"))}
    assert rates["Related to the procedure"][1] == "no procedure"
    assert "Serious, grade 3 or more or fatal" in rates
    assert "Fatal" not in rates
    found = {row[0]: row[1:] for row in lines(table(results, "Adverse events that began"))}
    assert found["Related to the procedure"] == (
        "1 of 40 (3%)0 to 13%; 1 event",
        "no procedure",
        "not compared",
    )


def test_without_a_table_of_events_nobody_is_said_to_have_had_none(run: Callable[..., Results]) -> None:
    results = run([], table=False)
    assert plain(section_of(results).heading) == "Whether anybody had an adverse event is not known"
    assert "the study has no table of them" in text_of(results)
    assert not re.search(r"\d", text_of(results))


def test_an_arm_of_which_nobody_is_in_the_set_is_not_said_to_have_had_no_event(
    run: Callable[..., Results],
) -> None:
    chosen = {
        "analysis_sets": {"some": {"where": {"subjects.age": "40"}}}
    }  # the first of every nineteen patients
    results = run(MILD, people=6, more=chosen, set="some")
    assert plain(section_of(results).heading).startswith("1 of 1 patients with new had an adverse event")
    assert "not estimable" in text_of(results)


def test_at_another_level_there_is_no_rule_of_three(run: Callable[..., Results]) -> None:
    said = text_of(run(MILD, conf_level=0.9))
    assert "upper limit of the two-sided 90% CI; on one side 5.6%)" in said
    assert "rule of three" not in said


def test_rates_stand_beside_the_shares_with_the_time_they_come_from(serious: Results) -> None:
    found = {row[0]: row[1:] for row in lines(table(serious, "Rates per 100"))}
    assert found["Patient-years watched"] == ("10.0", "10.0")  # 40 x 91 days
    assert found["Serious"][1].startswith("0.0 (0.0 to 37.0)")  # -log(.025) / 9.966 x 100
    assert "until it" in text_of(serious)


def test_many_terms_are_folded_away(run: Callable[..., Results]) -> None:
    many = [("p101", i, f"term {chr(97 + i)}", 1, "no", "no", "recovered") for i in range(20)]
    assert table(run(many, people=4), "Adverse events by term").fold == "All 20 terms"
    assert table(run(MILD), "Adverse events by term").fold == ""


def test_headings_and_captions_hold_no_word_of_causality(
    mild: Results, serious: Results, causal_words: Callable[[str], list[str]]
) -> None:
    for results in (mild, serious):
        said = [plain(section_of(results).heading)]
        said += [
            plain(f"{b.main.title} {b.main.caption}")
            for b in section_of(results).blocks
            if isinstance(b.main, Table)
        ]
        assert causal_words(" ".join(said)) == []


def test_every_number_shown_is_a_row_of_the_results(serious: Results) -> None:
    shown = markup_of(serious)
    ids = set(re.findall(r'data-row="(r[0-9a-f]{12})"', shown))
    rows = {r["id"]: r for r in serious.rows(analysis="safety")}
    assert ids <= rows.keys()
    assert {"subjects", "events", "risk", "risk difference", "incidence rate", "event rate", "patient-years",
            "serious events"} == {rows[i]["statistic"] for i in ids}  # fmt: skip
    uppers = re.findall(r'data-row="(r\w+)" data-part="upper"[^>]*>([^<]*)<', shown)
    assert len(uppers) == 6
    for row, said in uppers:
        assert float(said.rstrip("%")) == pytest.approx(100 * rows[row]["upper"], abs=0.05)


def test_every_number_says_what_its_row_holds(mild: Results, serious: Results) -> None:
    for results in (mild, serious):
        rows = {r["id"]: r for r in results.rows(analysis="safety")}
        found = re.findall(r'data-row="(r\w+)" data-part="(\w+)"[^>]*>([^<]*)<', markup_of(results))
        assert len(found) > 30
        parts = {"limits": ("lower", "upper"), "of": ("estimate", "n")}
        for row, part, said in found:
            wanted = [rows[row][p] for p in parts.get(part, (part,))]
            share = part in ("estimate", "limits", "upper") and (in_points(rows[row]) or "%" in said)
            numbers = re.findall(r"\d+(?:\.\d+)?", said.replace("\u2212", "-"))
            assert len(numbers) == len(wanted), said
            for number, want in zip(numbers, wanted, strict=True):
                digits = len(number.partition(".")[2])
                assert float(number) == pytest.approx(
                    abs(want) * (100 if share else 1), abs=0.5 * 10**-digits + 1e-9
                )


def test_the_section_stands_on_the_page_and_in_its_contents(serious: Results) -> None:
    page = html.render(serious)["report.html"]
    assert '<section id="safety">' in page
    assert '<a href="#safety">Harm</a>' in page


def test_a_study_of_nobody_s_events_has_the_section_all_the_same(run: Callable[..., Results]) -> None:
    said = text_of(run([], people=8))
    assert "0 of 4 patients with new and 0 of 4 with old had an adverse event" in said
    assert "0 of 4 does not rule out a risk of 60.2%" in said
