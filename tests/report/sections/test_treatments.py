"""The section on treatments received: care in both arms by visit, the procedure's injections, and no reasons."""

from __future__ import annotations

import re
from typing import Any

import pytest

from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.report.html import render
from armwise.report.sections import treatments
from armwise.report.words import Words

CARE = [
    {"subject": "p1", "visit": "m1", "kind": "exercise"},
    {"subject": "p3", "visit": "m3", "kind": "massage"},
]
INJECTED: dict[str, Any] = {
    "arms": ["new"],
    "keys": ["subject", "structure", "level"],
    "items": {
        "structure": {"type": "choice", "choices": {"disc": "Disc", "facet": "Facet joint"}},
        "level": {"type": "choice", "choices": ["L4-L5", "L5-S1"]},
        "side": {"type": "choice", "choices": {"left": "Left", "right": "Right"}},
    },
}


def said(results: Results) -> str:
    found = re.search(
        r'<section id="treatments".*?</section>', "".join(render(results).values()), flags=re.DOTALL
    )
    assert found
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))
    return re.sub(r" (?=[,;:).])", "", words.replace("( ", "("))


def heading(results: Results) -> str:
    section = treatments.section(results, Words.of(results))
    assert section is not None
    return re.sub(r"<[^>]+>", "", str(section.heading))


@pytest.fixture(scope="module")
def care(small: Any) -> Results:
    drugs = [{"subject": "p3", "drug": "naproxen", "class": "nsaid"}]
    return analyse(small.treated(drugs, CARE, treatments={"care": {"form": "care", "complete": True}}))


def test_kinds_of_care_and_classes_of_drugs_stand_by_visit_with_their_counts(care: Results) -> None:
    words = said(care)
    assert "Exercise New 0 of 2 (0%) 1 of 2 (50%) 0 of 1 (0%)" in words
    assert "Anti-inflammatory drugs New 0 of 2 (0%)" in words
    assert "Old 1 of 2 (50%) 1 of 1 (100%) 1 of 2 (50%)" in words
    assert "not randomised" in words


def test_what_counts_as_received_is_said(care: Results) -> None:
    words = said(care)
    assert "in the seven days that end with the visit; no record means not received." in words
    assert "as recorded at the visit; no record means not received." in words


def test_care_is_said_not_to_have_been_assigned(care: Results) -> None:
    assert "Conventional care was not assigned" in said(care)
    assert heading(care) == "Four kinds of conventional care, by visit and arm"


def test_the_first_and_the_last_visit_stand_first_and_the_others_are_folded(care: Results) -> None:
    made = treatments.section(care, Words.of(care))
    assert made is not None
    first, every = (b for b in made.blocks if b.main.kind == "table")
    assert (bool(first.fold), every.fold) == (False, "Conventional care at every visit")
    assert first.main.title == "Conventional care: baseline and m3."
    assert [(str(c.head), c.small) for c in first.main.columns[1:]] == [
        ("New", "baseline"), ("New", "m3"), ("Old", "baseline"), ("Old", "m3"),
    ]  # fmt: skip
    assert len(every.main.columns) == 4


def test_care_that_is_not_complete_says_for_how_many_it_is_not_known(small: Any) -> None:
    results = analyse(small.treated([{"subject": "p3", "drug": "naproxen", "class": "nsaid"}], CARE))
    words = said(results)
    assert "without a record it is not known whether it was received" in words
    assert "Not known for up to 2 of 2 patients who came" in words


def test_the_injections_stand_by_structure_level_and_side_with_those_of_each_patient(small: Any) -> None:
    places = [
        ("p1", "facet", "L4-L5", "left"),
        ("p1", "facet", "L5-S1", "right"),
        ("p2", "disc", "L4-L5", None),
    ]
    study = small.study(
        {
            "subjects": small.people(["new", "new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30), "p2": (30, 30, 20), "p3": (30, 30, 30)}),
            "injected": [dict(zip(("subject", *INJECTED["items"]), p, strict=True)) for p in places],
        },
        forms={**small.protocol["forms"], "injected": INJECTED},
        treatments={"procedures": {"form": "injected", "level": "level", "side": "side"}},
    )
    results = analyse(study)
    assert heading(results) == "2 of 2 patients with new had the procedure, a median of 2 injections each"
    words = said(results)
    assert "Facet joint 1 of 2 (50%) 2 1 1" in words
    assert "L5-S1 1 of 2 (50%) 1 – 1" in words
    assert "Injections a patient: median 2 (quartiles 1 to 2, range 1 to 2; 2 patients)." in words


def test_a_study_without_the_section_has_none_unless_drugs_have_classes(trial: Results) -> None:
    assert treatments.section(trial, Words.of(trial)) is None


def test_no_heading_or_caption_says_a_cause(two_arms: Results, causal_words: Any) -> None:
    section = treatments.section(two_arms, Words.of(two_arms))
    assert section is not None
    for block in section.blocks:
        caption = getattr(block.main, "caption", "")
        assert causal_words(str(caption)) == []
    assert causal_words(str(section.heading)) == []
