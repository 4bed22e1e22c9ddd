"""Treatments received, counted: care and drugs by class and visit, injections by structure, level and side."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.analysis.exposure import exposure
from armwise.analysis.results import Row, table
from armwise.derive.derived import derive
from armwise.study.study import Study

CARE = [
    {"subject": "p1", "visit": "m1", "kind": "exercise"},
    {"subject": "p2", "visit": "m1", "kind": "exercise"},
    {"subject": "p1", "visit": "m1", "kind": "massage"},
    {"subject": "p4", "visit": "m3", "kind": "massage"},
]
INJECTIONS: dict[str, Any] = {
    "arms": ["new"],
    "keys": ["subject", "structure", "level", "side"],
    "items": {
        "structure": {
            "type": "choice",
            "choices": {"disc": "Disc", "facet": "Facet joint", "nerve": "Nerve"},
        },
        "level": {"type": "choice", "choices": ["L4-L5", "L5-S1"]},
        "side": {"type": "choice", "choices": {"left": "Left", "right": "Right"}},
        "volume": {"type": "number", "unit": "mL"},
    },
}
PLACES = {"structure": "structure", "level": "level", "side": "side", "volume": "volume", "form": "injected"}


def injected(*places: tuple[str, str, str | None, str | None, float | None]) -> list[dict[str, Any]]:
    return [dict(zip(("subject", *INJECTIONS["items"]), place, strict=True)) for place in places]


def one(rows: list[Row], **where: Any) -> Row:
    (found,) = [r for r in rows if all(r[k] == v for k, v in where.items())]
    return found


def rows_of(study: Study) -> list[Row]:
    made = list(exposure(derive(study)))
    table(made)  # keys are unique
    return made


@pytest.fixture(scope="module")
def care(small: Any) -> list[Row]:
    drugs = [{"subject": "p3", "drug": "naproxen", "class": "nsaid"}]
    return rows_of(small.treated(drugs, CARE, treatments={"care": {"form": "care", "complete": True}}))


@pytest.mark.parametrize(
    ("item", "kind", "visit", "arm", "count", "n"),
    [
        ("care", "exercise", "m1", "new", 2, 2),
        ("care", "exercise", "m1", "old", 0, 1),  # p4 did not come
        ("care", "massage", "m1", "new", 1, 2),
        ("care", "massage", "m3", "old", 1, 2),
        ("drugs", "nsaid", "baseline", "old", 1, 2),
        ("drugs", "opioid", "m3", "new", 0, 1),
    ],
)
def test_each_kind_is_counted_once_a_patient_among_those_who_came(
    care: list[Row], item: str, kind: str, visit: str, arm: str, count: int, n: int
) -> None:
    found = one(care, analysis="exposure", item=item, category=kind, visit=visit, arm=arm, statistic="count")
    assert (found["estimate"], found["n"], found["unit"]) == (count, n, "subjects")


def test_kinds_have_the_labels_of_their_choices(care: list[Row]) -> None:
    labels = {r["category"]: r["label"] for r in care}
    assert labels == {
        "opioid": "Opioids", "nsaid": "Anti-inflammatory drugs", "exercise": "Exercise", "massage": "Massage",
    }  # fmt: skip


def test_care_that_is_not_complete_counts_those_not_known_apart(small: Any) -> None:
    rows = rows_of(small.treated([{"subject": "p3", "drug": "naproxen", "class": "nsaid"}], CARE))
    known = one(rows, item="care", category="exercise", visit="m3", arm="new", statistic="count")
    gap = one(rows, item="care", category="exercise", visit="m3", arm="new", statistic="missing")
    assert (known["estimate"], known["n"]) == (
        0,
        None,
    )  # at least nobody: a share of those known would be 100 %
    assert (gap["estimate"], gap["n"]) == (1, 1)


@pytest.fixture(scope="module")
def procedure(small: Any) -> list[Row]:
    places = injected(
        ("p1", "disc", "L4-L5", None, 2), ("p1", "facet", "L4-L5", "left", 1), ("p1", "facet", "L4-L5", "right", 1),
        ("p1", "facet", "L5-S1", "right", 1.5), ("p2", "facet", "L4-L5", "left", 1), ("p2", "disc", None, None, 2.5),
    )  # fmt: skip
    study = small.study(
        {
            "subjects": small.people(["new", "new", "new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30)}),
            "injected": places,
        },
        forms={**small.protocol["forms"], "injected": INJECTIONS},
        treatments={"procedures": PLACES},
    )
    return rows_of(study)


@pytest.mark.parametrize(
    ("structure", "level", "side", "patients", "injections"),
    [
        ("disc", None, None, 2, 2),
        ("facet", None, None, 2, 4),
        ("nerve", None, None, 0, 0),
        ("facet", "L4-L5", None, 2, 3),
        ("facet", "L4-L5", "left", 2, 2),
        ("facet", None, "right", 1, 2),
        ("disc", "L4-L5", None, 1, 1),
    ],
)
def test_patients_and_injections_are_counted_apart_by_structure_level_and_side(
    procedure: list[Row], structure: str, level: str | None, side: str | None, patients: int, injections: int
) -> None:
    category = structure if side is None else f"{structure}, {side}"
    where = {"analysis": "procedures", "category": category, "item": level, "arm": "new"}
    assert one(procedure, statistic="patients", **where)["estimate"] == patients
    assert one(procedure, statistic="injections", **where)["estimate"] == injections
    assert one(procedure, statistic="patients", **where)["n"] == 2  # those who had the procedure


def test_a_place_without_a_level_is_counted_and_told(procedure: list[Row]) -> None:
    assert one(procedure, category="disc", statistic="missing")["estimate"] == 1


def test_those_who_had_the_procedure_are_counted_among_the_arm_and_only_where_it_is_planned(
    procedure: list[Row],
) -> None:
    found = one(procedure, statistic="count", arm="new")
    assert (found["estimate"], found["n"]) == (2, 3)
    assert not [r for r in procedure if r["arm"] == "old"]


def test_the_total_volume_of_a_patient_is_the_sum_over_the_injections(procedure: list[Row]) -> None:
    volume = {r["statistic"]: r["estimate"] for r in procedure if r["item"] == "volume"}
    assert (volume["n"], volume["median"], volume["min"], volume["max"]) == (2, 4.5, 3.5, 5.5)
    assert one(procedure, item="volume", statistic="median")["unit"] == "mL"
    number = {r["statistic"]: r["estimate"] for r in procedure if r["item"] == "injections"}
    assert (number["median"], number["min"], number["max"]) == (3, 2, 4)


def test_a_patient_without_a_volume_for_every_injection_has_no_total_and_is_counted(small: Any) -> None:
    study = small.study(
        {
            "subjects": small.people(["new", "new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30)}),
            "injected": injected(
                ("p1", "disc", "L4-L5", None, None), ("p1", "disc", "L5-S1", None, 2), ("p2", "disc", "L4-L5", None, 2)
            ),
        },
        forms={**small.protocol["forms"], "injected": INJECTIONS},
        treatments={"procedures": PLACES},
    )  # fmt: skip
    rows = rows_of(study)
    assert one(rows, item="volume", statistic="n")["estimate"] == 1
    assert one(rows, item="volume", statistic="missing")["estimate"] == 1


def test_the_reference_study_counts_what_its_tables_hold(reference_study: Study) -> None:
    """The simulated tables, counted again in one line each."""
    rows = rows_of(reference_study)
    places = reference_study.tables["procedures"]
    for structure in ("disc", "facet", "nerve", "sacroiliac"):
        mine = places.filter(pl.col("structure") == structure)
        where = {"category": structure, "item": None}
        assert one(rows, statistic="injections", **where)["estimate"] == mine.height
        assert one(rows, statistic="patients", **where)["estimate"] == mine["subject"].n_unique()
    totals = places.group_by("subject").agg(pl.col("volume").sum())["volume"]
    assert one(rows, item="volume", statistic="median")["estimate"] == totals.median()
