"""The clauses of the reference study's abstract, each looked for in what `armwise demo` makes."""

from __future__ import annotations

import polars as pl
import pytest

COMPARISONS = ("risk difference", "mean difference", "shift")


def test_question_population_and_setting_are_on_the_page(demo, demo_page):
    study = demo.protocol.study
    assert study.population in demo_page["answer"]
    assert study.setting in demo_page["methods"]
    assert study.objective[1:].strip() in demo_page["methods"]
    assert "several structures" in study.population


def test_the_criteria_of_eligibility_are_on_the_page(demo, demo_page):
    for words in (
        *demo.protocol.eligibility.inclusion.values(),
        *demo.protocol.eligibility.exclusion.values(),
    ):
        assert words in demo_page["methods"]


def test_baselines_are_taken_before_the_day_of_treatment(workspace):
    from armwise import load_study
    from armwise.derive.derived import derive

    derived = derive(load_study(workspace / "demo" / "bmc-low-back-pain"))
    baseline = derived.scores.filter((pl.col("visit") == "baseline") & pl.col("value").is_not_null())
    assert baseline.height > 0
    assert baseline["day"].max() <= 0


def test_the_first_screen_says_open_label_not_randomised_two_arms_and_12_months(demo, demo_page):
    first = demo_page["answer"]
    for words in (
        "Open-label, non-randomised, parallel-group study with two arms",
        "followed to 12 months",
        "SIMULATED DATA",
    ):
        assert words in first
    assert list(demo.protocol.arms) == ["bmc", "control"]


def test_every_comparison_of_arms_says_that_they_were_chosen(demo, demo_page):
    for name in ("answer", "course", "responders", "outcomes"):
        assert (
            "Arms chosen, not randomised" in demo_page[name]
            or "arms chosen, not randomised" in demo_page[name]
        )


def test_the_adjusted_estimate_leads_and_the_unadjusted_one_stands_beside_it(demo, demo_page):
    led = demo.one(analysis="primary", statistic="risk difference")
    beside = demo.one(analysis="primary.unadjusted", statistic="risk difference")
    assert (led["target"], led["method"]) == ("overlap", "multiple imputation, overlap weights, MOVER-Wilson")
    assert (beside["target"], beside["method"]) == ("everyone", "Newcombe")
    first = demo_page["answer"]
    assert first.index("Overlap-weighted") < first.index("Unadjusted")
    sets = demo.one(analysis="primary", statistic="imputations")
    assert f"the outcomes of {sets['n']} patients were drawn, 100 times" in demo_page["methods"]


def test_exploratory_comparisons_have_intervals_and_no_p(demo):
    rows = [r for r in demo.rows(role="exploratory") if r["statistic"] in COMPARISONS and r["versus"]]
    assert len(rows) >= 8
    assert all(r["lower"] is not None and r["upper"] is not None and r["p"] is None for r in rows)


def test_every_questionnaire_is_expected_at_every_visit(demo):
    assert [v.day for v in demo.protocol.visits.values()] == [0, 30, 91, 182, 365]
    for form in ("odi", "nrs", "eq5d3l", "promis_global"):
        for visit in demo.protocol.visits:
            for arm in demo.protocol.arms:
                assert (
                    demo.one(analysis="completion", item=form, visit=visit, arm=arm, statistic="expected")[
                        "estimate"
                    ]
                    == 40
                )


def test_each_structure_is_named_on_the_page_and_recorded_by_patient(demo, demo_page, workspace):
    recorded = pl.read_csv(workspace / "demo" / "bmc-low-back-pain" / "data" / "procedures.csv")[
        "structure"
    ].unique()
    assert set(recorded) == {"disc", "facet", "nerve", "sacroiliac"}
    for words in ("discs", "facet joints", "spinal nerves", "sacroiliac joints"):
        assert words in demo.protocol.arms["bmc"].components
        assert words in demo_page["methods"]


def test_each_structure_is_counted_by_level_and_side(demo, demo_page):
    for structure, label in (
        ("disc", "Disc"),
        ("facet", "Facet joint"),
        ("nerve", "Spinal nerve"),
        ("sacroiliac", "Sacroiliac joint"),
    ):
        whole = demo.one(analysis="procedures", category=structure, item=None, statistic="injections")
        levels = demo.rows(analysis="procedures", category=structure, statistic="injections")[1:]
        assert whole["estimate"] == sum(r["estimate"] for r in levels) > 0
        assert label in demo_page["treatments"]
    assert "Total volume a patient: median" in demo_page["treatments"]


def test_each_conventional_treatment_is_named_on_the_page(demo, demo_page):
    control = demo.protocol.arms["control"]
    assert len(control.components) == 6
    for words in control.components:
        assert words in demo_page["methods"]
    assert "as indicated" in demo_page["methods"]
    assert "BMC + conventional care" in demo_page["answer"]


def test_each_conventional_treatment_is_counted_by_visit_and_arm(demo, demo_page):
    kinds = ("nsaid", "otc", "exercise", "physical_therapy", "injection", "opioid")
    for kind in kinds:
        for arm in ("bmc", "control"):
            found = demo.rows(analysis="exposure", category=kind, arm=arm, statistic="count")
            assert [r["visit"] for r in found] == ["baseline", "m1", "m3", "m6", "m12"]
    for words in ("Non-steroidal anti-inflammatory drugs", "Structured exercise", "Spinal injections"):
        assert words in demo_page["treatments"]


def test_the_opioid_dose_is_described_by_visit_and_compared(demo, demo_page):
    change = {
        arm: demo.one(analysis="describe", endpoint="mme_change", visit="m12", arm=arm, statistic="mean")[
            "estimate"
        ]
        for arm in ("bmc", "control")
    }
    assert change["bmc"] < 0 < change["control"]  # the published direction
    for visit in ("m1", "m3", "m6", "m12"):
        assert demo.one(analysis="describe", endpoint="mme_change", visit=visit, arm="bmc", statistic="mean")
    assert demo.one(analysis="opioids", statistic="mean difference")["status"] == "ok"
    assert "Opioid dose" in demo_page["outcomes"]
    assert "CDC 2022 factors" in demo_page["opioids"]


@pytest.mark.parametrize("analysis", ["odi_component", "pain_component"])
def test_both_components_of_the_primary_are_compared_with_the_control(demo, demo_page, analysis):
    row = demo.one(analysis=analysis, statistic="risk difference", subgroup=None)
    assert row["lower"] > 0
    assert "fell by 10 points or more" in demo_page["responders"]
    assert "fell by 2 points or more" in demo_page["responders"]


def test_the_primary_is_reported_whole_by_component_and_crossed(demo, demo_page):
    assert demo.protocol.endpoints["primary"].kind == "any"
    for arm in ("bmc", "control"):
        whole = demo.one(analysis="primary", statistic="responders", arm=arm)
        cells = demo.rows(analysis="crosstab", endpoint="primary", visit="m12", arm=arm, statistic="count")
        assert len(cells) == 4
        assert sum(c["estimate"] for c in cells) == whole["n"]
        none = next(c for c in cells if c["category"].count("no") == 2)
        # the answers are crossed as given; compared, surgery, cross-over and death count as no response
        events = demo.rows(analysis="intercurrent events", arm=arm)
        failed = sum(r["estimate"] for r in events if r["item"] in ("surgery", "cross_over", "death"))
        assert 0 <= whole["n"] - none["estimate"] - whole["estimate"] <= failed
    assert "as tested" in demo_page["responders"]


@pytest.mark.parametrize("item", ["tnc", "cfu_f", "cd34", "platelets"])
def test_each_laboratory_measure_is_described_and_related_to_the_change_in_odi(demo, demo_page, item):
    pair = {"tnc": "tnc_odi", "cfu_f": "cfu_f_odi", "cd34": "cd34_odi", "platelets": "platelets_odi"}[item]
    slopes = demo.rows(analysis="associations", item=pair, arm="bmc")
    assert any(r["statistic"] == "slope" and r["status"] == "ok" and r["p"] is None for r in slopes)
    label = demo.protocol.forms["cell_product"].items[item].label
    assert label in demo_page["cell-product"]
    row = demo.one(
        analysis="describe", endpoint=f"cell_product.{item}", visit="baseline", arm="bmc", statistic="mean"
    )
    assert row["n"] == 40
    assert row["estimate"] > 0
    assert (
        demo.one(
            analysis="describe",
            endpoint=f"cell_product.{item}",
            visit="baseline",
            arm="control",
            statistic="n",
        )["estimate"]
        == 0
    )


def test_odi_is_compared_with_the_control_at_every_visit(demo, demo_page):
    for visit in ("m1", "m3", "m6", "m12"):
        found = demo.one(analysis="odi", visit=visit, statistic="mean difference", subgroup=None)
        assert found["upper"] < 0
        assert (found["p"] is not None) == (visit == "m12")
    assert "at every visit" in demo_page["course"]


@pytest.mark.parametrize(
    ("endpoint", "better"), [("pain_change", -1), ("eq5d_change", 1), ("gmh_change", 1), ("gph_change", 1)]
)
def test_the_other_scores_are_described_at_every_visit_and_compared_as_declared(demo, endpoint, better):
    for visit in demo.protocol.visits_after_baseline():
        for arm in demo.protocol.arms:
            assert (
                demo.one(analysis="describe", endpoint=endpoint, visit=visit, arm=arm, statistic="mean")[
                    "status"
                ]
                == "ok"
            )
    declared = [
        (n, v)
        for n, a in demo.protocol.analyses.items()
        if a.endpoint == endpoint
        for v in demo.protocol.analysis_visits(a)
    ]
    assert ("m12" in [v for _, v in declared]) is True
    for name, visit in declared:
        assert (
            better
            * demo.one(analysis=name, visit=visit, statistic="mean difference", subgroup=None)["estimate"]
            > 0
        )


def test_each_published_share_stands_beside_the_simulated_one(demo, demo_page):
    shares = [p for p in demo.protocol.published if p.statistic == "risk"]
    assert sorted(p.value for p in shares) == [0.08, 0.56, 0.66, 0.67, 0.74]
    for p in shares:
        own = demo.one(analysis="describe", endpoint=p.endpoint, visit=p.visit, arm=p.arm, statistic="risk")
        assert own["lower"] < p.value < own["upper"]
        assert f"{p.value:.0%}" in demo_page["published"]
    assert "simulated" in demo_page["published"].lower()


def test_the_flow_begins_with_40_patients_an_arm_and_names_why_they_left(demo, demo_page):
    for arm in demo.protocol.arms:
        assert demo.one(analysis="flow", category="allocated", arm=arm)["estimate"] == 40
        gone = demo.rows(analysis="flow", category="off study", arm=arm)
        assert gone
        assert all(row["item"] and row["visit"] for row in gone)
    assert "Participant flow" in demo_page["participants"]


def test_the_difference_is_shown_by_age_gender_body_mass_index_and_opioid_use(demo, demo_page):
    rows = [r for r in demo.rows(analysis="odi_ancova", statistic="mean difference") if r["subgroup"]]
    named = {r["subgroup"].split("=")[0] for r in rows}
    assert named == {"age", "gender", "bmi", "opioid_use"}
    assert all(r["status"] == "ok" and r["p"] is None for r in rows)
    for words in ("Age", "Gender", "Body mass index", "Opioid use"):
        assert words in demo_page["subgroups"]


@pytest.mark.parametrize("item", ["age", "gender", "bmi", "opioid_use"])
def test_the_influence_of_each_characteristic_within_the_treated_arm_is_shown(demo, demo_page, item):
    rows = demo.rows(analysis="associations", item=f"{item}_odi", arm="bmc")
    assert any(r["lower"] is not None and r["status"] == "ok" for r in rows)
    assert all(r["p"] is None for r in rows)
    assert demo.protocol.forms["subjects"].items[item].label in demo_page["associations"]
    crossed = demo.rows(analysis="effect_modification", item=f"odi_ancova.{item}")
    assert any(r["lower"] is not None for r in crossed)
    assert "no effect" not in demo_page["associations"] + demo_page["subgroups"]


def test_adverse_events_are_counted_by_patient_with_what_could_have_been_missed(demo, demo_page):
    for arm in ("bmc", "control"):
        assert (
            demo.one(analysis="safety", category="any event", statistic="subjects", arm=arm, item=None)["n"]
            == 40
        )
    assert "does not rule out" in demo_page["safety"]
