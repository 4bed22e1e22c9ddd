"""docs/reference-study.md: generated, complete, and true of the example's protocol, its page and the tests."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What a reader will look for: every part of the abstract.
WORDS = [
    "35322978",
    "non-?randomi",
    "open.label",
    "private",
    "disc",
    "facet",
    "spinal.nerve",
    "sacroiliac",
    "anti-?inflammator|NSAID",
    "over-the-counter|OTC",
    "exercise",
    "physical.therapy",
    "spinal.injection",
    "opioid",
    "Oswestry",
    "NRS|numeric.rating",
    "EQ-5D",
    "mental",
    "physical.health",
    "MCID|minimal.clinically",
    "nucleated",
    "CFU|colony",
    "CD34",
    "platelet",
    "MRI|magnetic",
    "67",
    "74",
    "66",
    "56",
    "\\b8.%",
    "gender",
    "body.mass|BMI",
    "single.cent",
    "12.months",
    "1.month",
    "3.months",
    "6.months",
]


@pytest.fixture(scope="module")
def made(page_script):
    return page_script("make_reference_study")


@pytest.fixture(scope="module")
def clauses(made):
    return [clause for part in made.load() for clause in part["clauses"]]


def test_the_page_is_what_its_script_makes(made):
    assert made.PAGE.read_text(encoding="utf-8") == made.page()


def test_the_summary_in_the_readme_is_what_its_script_makes(made):
    text = made.README.read_text(encoding="utf-8")
    assert made.readme(text) == text


def test_every_clause_has_each_column_or_says_why_not(made, clauses):
    assert len(clauses) >= 60
    for clause in clauses:
        for column in made.COLUMNS:
            assert clause.get(column), f"{clause['clause']}: no {column}"
        assert set(clause) <= {"clause", "note", *made.COLUMNS}


def test_a_mark_says_what_lacks(made, clauses):
    for clause in clauses:
        for column in (*made.COLUMNS, "note"):
            value = clause.get(column)
            if isinstance(value, str) and made.marked(value):
                assert re.match(r"(not yet|not published): \S", value), f"{clause['clause']}: {column}"


def test_every_key_stands_in_the_protocol(made, clauses):
    lines = made.lines()
    named = [key for clause in clauses if not made.marked(clause["protocol"]) for key in clause["protocol"]]
    assert [key for key in named if key not in lines] == []


def test_the_line_of_a_key_is_the_line_on_which_it_stands(made):
    text = (ROOT / made.PROTOCOL).read_text(encoding="utf-8").splitlines()
    for key, line in made.lines().items():
        last = re.split(r"[.\[]", key)[-1]
        if key and not last.endswith("]"):
            assert last in text[line - 1], key


def test_a_published_figures_clause_names_its_value_its_visit_and_its_arm(made, clauses):
    from armwise.protocol.load import load_protocol

    protocol = load_protocol(ROOT / made.PROTOCOL)
    found = 0
    for clause in clauses:
        for index in re.findall(r"published\[(\d+)\]", str(clause["protocol"])):
            figure = protocol.published[int(index)]
            assert f"{figure.value * 100:.0f} %" in clause["clause"]
            assert protocol.visit_label(figure.visit) in clause["clause"]
            assert {"bmc": "treated", "control": "controls"}[figure.arm] in clause["clause"]
            found += 1
    assert found == 5


def test_every_section_is_on_the_demos_page(made, clauses, demo_page):
    named = {clause["section"] for clause in clauses if not made.marked(clause["section"])}
    assert named <= set(demo_page)


def test_every_test_exists(made, clauses):
    for clause in clauses:
        if made.marked(clause["test"]):
            continue
        path, _, function = clause["test"].partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, clause["test"]


def test_every_command_is_one_of_armwise(clauses):
    from armwise.cli import _parser

    verbs = next(a.choices for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    for clause in clauses:
        program, verb, *_ = clause["command"].split()
        assert program == "armwise"
        assert verb in verbs


@pytest.mark.parametrize("word", WORDS)
def test_every_part_of_the_abstract_has_a_row(made, word):
    rows = [
        line
        for line in made.PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") or "PMID" in line
    ]
    assert any(re.search(word, row, re.IGNORECASE) for row in rows)
