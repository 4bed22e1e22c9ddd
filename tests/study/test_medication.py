"""What is wrong with records of medication and care: an unknown opioid stops the run, and what is lacking is told."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.errors import Problem, StudyError
from armwise.study.medication import medication_problems

OXYCODONE = {"subject": "p1", "drug": "oxycodone"}


@pytest.fixture(scope="module")
def told(small: Any) -> Any:
    """The problems of a small study whose first record of a drug has other cells."""
    study = small.treated([OXYCODONE], [{"subject": "p1", "visit": "m1", "kind": "exercise"}])

    def problems(form: str = "drugs", **cells: Any) -> list[Problem]:
        table = study.tables[form].with_columns(
            pl.lit(value, dtype=study.tables[form].schema[name]).alias(name) for name, value in cells.items()
        )
        return list(medication_problems(study.protocol, {**study.tables, form: table}))

    return problems


def test_a_record_in_order_has_no_problem(told: Any) -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"drug": "oxycodon"}, "(drug): CDC 2022 has no factor for the opioid `oxycodon`; did you mean `oxycodone`?"),
        ({"drug": "levorphanol"}, "(drug): CDC 2022 has no factor for the opioid `levorphanol`"),
        ({"unit": "mcg/h"}, "(unit): found oxycodone in `mcg/h`, but its factor goes with mg"),
        ({"route": "intravenous"}, "(route): CDC 2022 has no factor for oxycodone by the route `intravenous`"),
        ({"drug": "fentanyl", "unit": "mcg/h", "dose": 25.0}, "(times): found 4 times a day, but mcg/h of a patch"),
        ({"dose": 0.0}, "(dose): found a dose of 0"),
    ],
)  # fmt: skip
def test_an_opioid_that_has_no_factor_is_an_error_that_names_it_its_file_and_row(
    told: Any, cells: dict[str, Any], expected: str
) -> None:
    (problem,) = told(**cells)
    assert problem.severity == "error"
    assert str(problem).startswith(f"data/drugs.csv:2 {expected}")


def test_an_unknown_opioid_stops_the_analysis(small: Any) -> None:
    import dataclasses

    from armwise.analysis.run import analyse

    study = small.treated([OXYCODONE])
    table = study.tables["drugs"].with_columns(pl.lit("percocet").alias("drug"))
    found = tuple(medication_problems(study.protocol, {**study.tables, "drugs": table}))
    with pytest.raises(StudyError, match="has no factor for the opioid `percocet`"):
        analyse(dataclasses.replace(study, problems=found))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"dose": None}, "data/drugs.csv:2 (dose): the dose of an opioid is not recorded"),
        ({"drug": None}, "data/drugs.csv:2 (drug): the name of an opioid is not recorded"),
        (
            {"class": None},
            "data/drugs.csv:2 (class): no class of the drug: the record is counted in no class",
        ),
        ({"class": "nsaid"}, "data/drugs.csv:2 (class): oxycodone is an opioid, found in the class `nsaid`"),
    ],
)
def test_what_is_lacking_or_odd_is_a_warning(told: Any, cells: dict[str, Any], expected: str) -> None:
    (problem,) = told(**cells)
    assert problem.severity == "warning"
    assert str(problem).startswith(expected)


def test_buprenorphine_is_no_mistake(told: Any) -> None:
    assert told(drug="buprenorphine", unit="mcg/h", times=None) == []


def test_a_drug_of_another_class_may_be_anything(told: Any) -> None:
    assert told(**{"class": "nsaid", "drug": "ibuprofen", "unit": "spoon", "dose": None}) == []


def test_a_record_that_ends_before_it_starts_is_an_error(told: Any) -> None:
    import datetime as dt

    (problem,) = told(start=dt.date(2026, 2, 1), stop=dt.date(2026, 1, 31))
    assert (problem.severity, problem.column) == ("error", "stop")
    assert problem.what == "ends on 2026-01-31, before it starts on 2026-02-01"


def test_a_record_that_says_that_nothing_was_done_is_not_judged(told: Any) -> None:
    nothing = dict.fromkeys(("drug", "class", "route", "dose", "unit", "times", "start", "stop"))
    assert told(status="not done", **nothing) == []


def test_a_record_not_done_that_has_answers_is_used_and_judged(told: Any) -> None:
    (problem,) = told(status="not done", dose=None)
    assert problem.what.startswith("the dose of an opioid is not recorded")


@pytest.mark.parametrize(
    ("drugs", "told_of"),
    [
        ([{}, {"start": 10, "dose": 10}], [(3, 2)]),  # the old dose was not ended
        ([{"stop": 9}, {"start": 10, "dose": 10}], []),
        ([{"stop": 10}, {"start": 10, "dose": 10}], [(3, 2)]),  # both on day 10
        ([{"stop": 9}, {"start": 10, "drug": "tramadol"}], []),
        ([{}, {"start": 10, "drug": "tramadol"}], []),  # two drugs at once are two drugs
        ([{}, {"start": 10, "drug": " Oxycodone"}], [(3, 2)]),
        ([{}, {"start": 10, "subject": "p2"}], []),
        ([{"stop": 50}, {"start": 5, "stop": 9}, {"start": 20}], [(3, 2), (4, 2)]),
        ([{"class": "nsaid", "drug": "naproxen"}, {"class": "nsaid", "drug": "naproxen", "start": 3}], []),
    ],
)
def test_records_of_one_opioid_that_overlap_are_told_because_their_doses_add_up(
    small: Any, drugs: list[dict[str, Any]], told_of: list[tuple[int, int]]
) -> None:
    study = small.treated([{**OXYCODONE, **drug} for drug in drugs])
    found = [p for p in medication_problems(study.protocol, study.tables) if "overlaps" in p.what]
    assert [(p.row, p.severity) for p in found] == [(row, "warning") for row, _ in told_of]
    for problem, (_, other) in zip(found, told_of, strict=True):
        assert problem.what.endswith(f"overlaps with that of row {other}: the two doses are added up")
        assert problem.todo == "end the other record where this is a change of dose"


def test_an_injection_without_structure_or_side_is_told(small: Any) -> None:
    form = {
        "keys": ["subject", "structure", "side"],
        "items": {
            "structure": {"type": "choice", "choices": ["disc", "facet"]},
            "side": {"type": "choice", "choices": ["left", "right"]},
        },
    }
    places = [("disc", None), ("facet", "left"), ("facet", None), (None, "left")]
    study = small.study(
        {
            "subjects": small.people(["new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30)}),
            "injected": [{"subject": "p1", "structure": a, "side": b} for a, b in places],
        },
        forms={**small.protocol["forms"], "injected": form},
        treatments={"procedures": {"form": "injected", "structure": "structure", "side": "side"}},
    )
    found = list(medication_problems(study.protocol, study.tables))
    assert [(p.row, p.column, p.what) for p in found] == [
        (5, "structure", "no structure of an injection: it is counted in the totals alone"),
        (4, "side", "no side of an injection: it is counted in the totals alone"),  # a disc has none
    ]


def test_care_without_its_kind_is_told(told: Any) -> None:
    (problem,) = told("care", kind=None)
    assert (problem.severity, problem.file, problem.row) == ("warning", "data/care.csv", 2)
