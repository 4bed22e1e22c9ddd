"""From records to what was in use at a visit: daily doses, the look-back, what is 0 and what is not known."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from armwise.derive.derived import Derived, derive
from armwise.derive.medication import attended, received

OXYCODONE = {"subject": "p1", "drug": "oxycodone"}  # 5 mg four times a day: 30 MME


def found(derived: Derived, score: str = "drugs.mme") -> dict[tuple[str, str], float | None]:
    rows = derived.scores.filter(pl.col("score") == score)
    return {(r["subject"], r["visit"]): r["value"] for r in rows.iter_rows(named=True)}


def status(derived: Derived, subject: str, visit: str) -> str:
    rows = derived.scores.filter(
        (pl.col("score") == "drugs.mme") & (pl.col("subject") == subject) & (pl.col("visit") == visit)
    )
    return str(rows["status"][0])


def test_a_drug_in_use_throughout_has_its_dose_at_every_attended_visit_and_the_others_have_0(
    small: Any,
) -> None:
    doses = found(derive(small.treated([OXYCODONE])))
    assert [doses["p1", v] for v in ("baseline", "m1", "m3")] == [30, 30, 30]
    assert [doses["p3", v] for v in ("baseline", "m1", "m3")] == [0, 0, 0]


def test_a_visit_that_did_not_take_place_has_no_dose(small: Any) -> None:
    doses = found(derive(small.treated([OXYCODONE, {**OXYCODONE, "subject": "p4"}])))
    assert ("p4", "m1") not in doses
    assert ("p2", "m3") not in doses
    assert doses["p4", "m3"] == 30


def test_several_opioids_add_up_and_are_counted(small: Any) -> None:
    patch = {"subject": "p1", "drug": "Fentanyl", "dose": 25, "unit": "mcg/h", "times": None}
    derived = derive(small.treated([OXYCODONE, patch]))
    assert found(derived)["p1", "m1"] == 90
    assert found(derived, "drugs.opioids")["p1", "m1"] == 2
    assert found(derived, "drugs.opioids")["p3", "m1"] == 0


@pytest.mark.parametrize(
    ("start", "stop", "look_back", "expected"),
    [
        (None, None, 7, 30),
        (24, 30, 7, 30),  # the seven days that end with the visit on day 30
        (25, 30, 7, 30 * 6 / 7),
        (30, None, 7, 30 / 7),
        (31, None, 7, 0),
        (None, 24, 7, 30 / 7),
        (None, 23, 7, 0),
        (None, 29, 1, 0),
        (30, 30, 1, 30),
        (1, 30, 30, 30),
        (16, 40, 30, 15),
    ],
)
def test_a_record_counts_with_the_share_of_the_days_looked_back_on_that_it_covers(
    small: Any, start: int | None, stop: int | None, look_back: int, expected: float
) -> None:
    study = small.treated([{**OXYCODONE, "start": start, "stop": stop}], medication={"look_back": look_back})
    assert found(derive(study))["p1", "m1"] == pytest.approx(expected, abs=1e-6)


def test_a_change_of_dose_within_the_look_back_is_averaged_over_its_days(small: Any) -> None:
    records = [{**OXYCODONE, "start": 0, "stop": 27}, {**OXYCODONE, "start": 28, "dose": 10}]
    derived = derive(small.treated(records))
    assert found(derived)["p1", "m1"] == pytest.approx((4 * 30 + 3 * 60) / 7, abs=1e-6)
    assert found(derived, "drugs.opioids")["p1", "m1"] == 1  # one drug


def test_buprenorphine_makes_the_dose_missing_and_not_0_and_says_why(small: Any) -> None:
    patch = {"subject": "p1", "drug": "buprenorphine", "dose": 10, "unit": "mcg/h", "times": None}
    derived = derive(small.treated([OXYCODONE, patch]))
    assert found(derived)["p1", "m1"] is None
    assert status(derived, "p1", "m1") == "buprenorphine has no factor in CDC 2022: it is a partial agonist"
    assert found(derived, "drugs.opioids")["p1", "m1"] == 2  # that it is taken is known


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"dose": None}, "the dose of an opioid is not recorded"),
        (
            {"unit": None, "times": None},
            "the unit and the number of doses a day of an opioid is not recorded",
        ),
        ({"drug": None}, "the name of an opioid is not recorded"),
    ],
)
def test_an_amount_that_is_not_recorded_makes_the_dose_missing(
    small: Any, record: dict[str, Any], why: str
) -> None:
    derived = derive(small.treated([{**OXYCODONE, **record}]))
    assert found(derived)["p1", "m1"] is None
    assert status(derived, "p1", "m1") == why


def test_without_a_complete_list_a_patient_without_a_record_is_not_known(small: Any) -> None:
    derived = derive(small.treated([OXYCODONE], medication={"complete": False}))
    assert found(derived)["p1", "m1"] == 30
    assert found(derived)["p3", "m1"] is None
    assert found(derived, "drugs.opioids")["p3", "m1"] is None
    assert status(derived, "p3", "m1") == "no record, and the list is not declared complete"


def test_other_classes_of_drugs_make_no_dose(small: Any) -> None:
    other = {"subject": "p1", "drug": "ibuprofen", "class": "nsaid", "dose": 400, "times": 3}
    assert found(derive(small.treated([other])))["p1", "m1"] == 0


def test_records_by_visit_count_at_their_visit(small: Any) -> None:
    form = {
        "at": "all", "keys": ["subject", "visit", "drug"],
        "items": {
            "drug": {"type": "text"}, "dose": {"type": "number"}, "unit": {"type": "text"}, "times": {"type": "number"},
        },
    }  # fmt: skip
    study = small.study(
        {
            "subjects": small.people(["new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30), "p2": (40, 20, 10)}),
            "drugs": [
                {"subject": "p1", "visit": v, "drug": "tramadol", "dose": 50, "unit": "mg", "times": n}
                for v, n in (("baseline", 4), ("m3", 1))
            ],
        },
        forms={**small.protocol["forms"], "drugs": form},
        medication={"form": "drugs", "complete": True},
    )
    doses = found(derive(study))
    assert [doses["p1", v] for v in ("baseline", "m1", "m3")] == [40, 0, 10]
    assert doses["p2", "m3"] == 0


def test_a_dose_points_to_the_record_that_it_came_from_and_a_0_to_the_visits(small: Any) -> None:
    derived = derive(small.treated([OXYCODONE]))
    rows = derived.scores.filter((pl.col("score") == "drugs.mme") & (pl.col("visit") == "m1"))
    origin = {r["subject"]: (r["_file"], r["_row"]) for r in rows.iter_rows(named=True)}
    assert origin["p1"] == ("data/drugs.csv", 2)
    assert origin["p2"][0] == "data/scale.csv"


def test_the_dose_is_an_endpoint_and_a_covariate_like_any_score(small: Any) -> None:
    endpoints = {
        **small.protocol["endpoints"],
        "dose": {"score": "drugs.mme", "kind": "change"},
        "percent": {"score": "drugs.mme", "kind": "percent-change"},
        "free": {"score": "drugs.opioids", "kind": "state", "at_most": 0},
    }
    records = [{**OXYCODONE, "stop": 50}, {**OXYCODONE, "subject": "p3", "start": 60}]
    derived = derive(
        small.treated(records, endpoints=endpoints, covariates={"mme_0": {"score": "drugs.mme"}})
    )
    rows = {
        (r["endpoint"], r["subject"]): r
        for r in derived.endpoints.filter(pl.col("visit") == "m3").iter_rows(named=True)
    }
    assert (rows["dose", "p1"]["outcome"], rows["dose", "p3"]["outcome"]) == (-30, 30)
    assert rows["percent", "p1"]["outcome"] == -100
    assert (rows["percent", "p3"]["outcome"], rows["percent", "p3"]["missing"]) == (None, "baseline is 0")
    assert [rows["free", p]["outcome"] for p in ("p1", "p3", "p4")] == [1, 0, 1]
    assert dict(derived.covariates.select("subject", "mme_0").iter_rows())["p1"] == 30
    assert derived.catalogue["drugs.mme"].computed == "CDC 2022 factors"
    assert derived.unit_of("dose") == "MME/day"


def test_a_visit_is_dated_by_the_last_form_that_every_arm_fills_in(small: Any) -> None:
    study = small.treated([OXYCODONE])
    visits = attended(study.protocol, derive(study).scores)
    day = dict(visits.filter(pl.col("subject") == "p1").select("visit", "day").iter_rows())
    assert day == {"baseline": 0, "m1": 30, "m3": 90}


def test_classes_of_drugs_and_kinds_of_care_are_told_by_visit(small: Any) -> None:
    drugs = [{"subject": "p1", "drug": "ibuprofen", "class": "nsaid", "start": 80}, {**OXYCODONE, "stop": 10}]
    care = [
        {"subject": "p1", "visit": "m1", "kind": "exercise"},
        {"subject": "p3", "visit": "m3", "kind": "massage"},
    ]
    study = small.treated(drugs, care, treatments={"care": {"form": "care", "complete": True}})
    used = received(study.protocol, study.tables, derive(study).scores)
    assert list(used) == [("drugs", "opioid"), ("drugs", "nsaid"), ("care", "exercise"), ("care", "massage")]

    def of(form: str, kind: str, subject: str) -> dict[str, bool | None]:
        mine = used[form, kind].filter(pl.col("subject") == subject)
        return dict(mine.select("visit", "used").iter_rows())

    assert of("drugs", "nsaid", "p1") == {"baseline": False, "m1": False, "m3": True}
    assert of("drugs", "opioid", "p1") == {"baseline": True, "m1": False, "m3": False}
    assert of("care", "exercise", "p1") == {"baseline": False, "m1": True, "m3": False}
    assert of("care", "massage", "p4") == {"baseline": False, "m3": False}


def test_care_that_is_not_declared_complete_is_not_known_without_a_record(small: Any) -> None:
    study = small.treated([OXYCODONE], [{"subject": "p1", "visit": "m1", "kind": "exercise"}])
    used = received(study.protocol, study.tables, derive(study).scores)["care", "exercise"]
    answers = {(s, v): u for s, v, u in used.select("subject", "visit", "used").iter_rows()}
    assert answers["p1", "m1"] is True
    assert answers["p1", "m3"] is None
    assert answers["p3", "m1"] is None


def test_a_record_by_visit_shows_that_its_visit_took_place(small: Any) -> None:
    """p2 answered nothing at m3, but a treatment is recorded there: it is counted, and not lost."""
    care = [{"subject": "p2", "visit": "m3", "kind": "exercise"}]
    study = small.treated([OXYCODONE], care, treatments={"care": {"form": "care", "complete": True}})
    derived = derive(study)
    used = received(study.protocol, study.tables, derived.scores)["care", "exercise"]
    assert {(s, v): u for s, v, u in used.select("subject", "visit", "used").iter_rows()}["p2", "m3"] is True
    assert found(derived)["p2", "m3"] is None  # the visit has no date, so that no look-back is known
    assert status(derived, "p2", "m3") == "the visit has no date"


def test_a_form_that_was_not_done_at_a_visit_is_not_a_visit_without_drugs(small: Any) -> None:
    drugs = {
        "at": "all", "keys": ["subject", "visit", "drug"],
        "items": {
            "drug": {"type": "text"}, "dose": {"type": "number"}, "unit": {"type": "text"}, "times": {"type": "number"},
        },
    }  # fmt: skip
    kinds = {"kind": {"type": "choice", "choices": ["exercise"]}}
    study = small.study(
        {
            "subjects": small.people(["new", "old"]),
            "scale": small.scale({"p1": (40, 35, 30), "p2": (40, 20, 10)}),
            "drugs": [
                {"subject": "p1", "visit": "baseline", "drug": "tramadol", "dose": 50, "unit": "mg", "times": 4},
                {"subject": "p1", "visit": "m1", "status": "not done"},
            ],
            "care": [
                {"subject": "p2", "visit": "m1", "kind": "exercise"},
                {"subject": "p2", "visit": "m3", "status": "not done"},
                {"subject": "p1", "visit": "m1", "status": "complete"},
            ],
        },
        forms={
            **small.protocol["forms"], "drugs": drugs,
            "care": {"at": "all", "keys": ["subject", "visit", "kind"], "items": kinds},
        },
        medication={"form": "drugs", "complete": True},
        treatments={"care": {"form": "care", "complete": True}},
    )  # fmt: skip
    derived = derive(study)
    assert [found(derived)["p1", v] for v in ("baseline", "m1", "m3")] == [40, None, 0]
    assert found(derived, "drugs.opioids")["p1", "m1"] is None
    assert status(derived, "p1", "m1") == "the form was not done at this visit"
    used = received(study.protocol, study.tables, derived.scores)["care", "exercise"]
    mine = used.filter(pl.col("subject") == "p2").select("visit", "used")
    assert dict(mine.iter_rows()) == {"baseline": False, "m1": True, "m3": None}
    other = used.filter((pl.col("subject") == "p1") & (pl.col("visit") == "m1"))
    assert other["used"].to_list() == [None]  # a record without its kind may be of exercise
