from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from armwise.analysis.comparison import STATISTIC
from armwise.analysis.results import Results
from armwise.analysis.run import analyse
from armwise.protocol.model import METHODS

ALSO = ["risk-ratio", "odds-ratio", "fisher-exact", "number-needed-to-treat"]
#: Each method as an analysis of the small study, and what it needs.
DECLARED: dict[str, dict[str, Any]] = {
    "ancova": {"endpoint": "change", "adjust": "covariates", "covariates": ["baseline", "sex"]},
    "mean-difference": {"endpoint": "change", "also": ["hedges-g"]},
    "weighted-means": {
        "endpoint": "change", "method": "mean-difference", "adjust": "overlap-weights", "covariates": ["age", "sex"],
        "estimand": "overlap",
    },
    "mann-whitney": {"endpoint": "change"},
    "permutation": {"endpoint": "change"},
    "risk-difference": {"endpoint": "better", "also": ALSO},
    "weighted-risks": {
        "endpoint": "better", "method": "risk-difference", "adjust": "overlap-weights", "covariates": ["age", "sex"],
        "estimand": "overlap",
    },
    "mmrm": {"endpoint": "change", "adjust": "covariates", "covariates": ["baseline", "sex"]},
    "risk-ratio": {"endpoint": "better"},
    "odds-ratio": {"endpoint": "better"},
    "fisher-exact": {"endpoint": "better"},
    "proportional-odds": {"endpoint": "change", "adjust": "covariates", "covariates": ["sex"]},
}  # fmt: skip
#: Each example is a whole walk: few of them, and no search for a smaller one.
WALK = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
ESTIMANDS = {"overlap": {"target": "overlap"}}


def analyses(**changes: Any) -> dict[str, dict[str, Any]]:
    """Every method, each an analysis at m3; the first one is primary."""
    found = {}
    for i, (name, declared) in enumerate(DECLARED.items()):
        role = "exploratory" if i else "primary"
        found[name.replace("-", "_")] = {"at": "m3", "role": role, "method": name, **declared, **changes}
    return found


def drawn(small: Any, people: list[str], seed: int = 1, **sections: Any) -> Any:
    """A study with every method: scores drawn at random, with gaps."""
    rng = np.random.default_rng(seed)
    values = {}
    for i, arm in enumerate(people):
        start = min(50.0, max(0.0, round(float(rng.normal(30, 6)), 1)))
        end = min(50.0, max(0.0, round(start - 6 - 5 * (arm == "new") + float(rng.normal(0, 8)), 1)))
        values[f"p{i + 1}"] = (start, None, None if rng.random() < 0.1 else end)
    sections = {"families": {"main": {"of": ["ancova"], "order": "none"}}, "estimands": ESTIMANDS,
                "analyses": analyses(), **sections}  # fmt: skip
    return small.study({"subjects": small.people(people), "scale": small.scale(values)}, **sections)


def compared(results: Results) -> dict[str, dict[str, Any]]:
    """Analysis -> the row of its comparison."""
    found = {}
    for name, analysis in results.protocol.analyses.items():
        rows = results.rows(analysis=name, statistic=STATISTIC[analysis.method], subgroup=None)
        (found[name],) = [
            r for r in rows if r["versus"] and not (name == "risk_difference" and "Fisher" in r["method"])
        ]
    return found


def test_every_method_of_the_protocol_is_among_these_tests() -> None:
    assert {d.get("method", name) for name, d in DECLARED.items()} == set(METHODS)


def test_every_method_compares_the_arms(small: Any) -> None:
    found = compared(analyse(drawn(small, ["new", "old"] * 15)))
    assert len(found) == len(DECLARED)
    for name, row in found.items():
        assert row["status"] == "ok", name
        assert row["lower"] <= row["estimate"] <= row["upper"], name
        assert (row["p"] is not None) == (name == "ancova"), name  # the only one in a family


# ------------------------------------------------------------------ data that allow no comparison


def broken(small: Any, case: str) -> Any:
    arms = ["new"] * 6 + ["old"] * 6
    full = {f"p{i + 1}": (30 + i, None, 15 + (i * 5) % 11) for i in range(12)}
    ages = None
    if case == "one arm empty":
        full = {s: v if int(s[1:]) <= 6 else (v[0], 20, None) for s, v in full.items()}
    elif case == "reference empty":
        full = {s: v if int(s[1:]) > 6 else (v[0], 20, None) for s, v in full.items()}
    elif case == "all missing":
        full = {s: (v[0], None, None) for s, v in full.items()}
    elif case == "no record at all":
        full = {}
    elif case == "constant outcome":
        full = {s: (v[0], None, v[0] - 10) for s, v in full.items()}
    elif case == "one subject an arm":
        arms, full = ["new", "old"], {"p1": (30, None, 10), "p2": (30, None, 25)}
    elif case == "nobody has a covariate":
        ages = [None] * 12
    elif case == "separation":
        ages = [30] * 6 + [60] * 6
    elif case == "nobody responds":
        full = {s: (v[0], None, v[0] + int(s[1:]) % 4) for s, v in full.items()}
    elif case == "everybody responds":
        full = {s: (v[0], None, v[0] - 15 - int(s[1:]) % 4) for s, v in full.items()}
    people = small.people(arms, **({"age": ages} if ages else {}))
    margin = {"kind": "non-inferiority", "value": 0.5}
    declared = analyses()
    for name in ("ancova", "mann_whitney", "risk_difference", "weighted_risks", "weighted_means"):
        declared[name]["margin"] = margin
        declared[name]["subgroups"] = ["age", "sex"]
    tables = {"subjects": people} | ({"scale": small.scale(full)} if full else {})
    return small.study(
        tables, estimands=ESTIMANDS, analyses=declared, families={"main": {"of": ["ancova"], "order": "none"}},
        subgroups={"age": {"covariate": "age", "cuts": [45]}, "sex": {"covariate": "sex"}},
    )  # fmt: skip


CASES = (
    *("one arm empty", "reference empty", "all missing", "no record at all", "constant outcome"),
    *("one subject an arm", "nobody has a covariate", "separation", "nobody responds", "everybody responds"),
)


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_compared_is_a_row_that_says_why(small: Any, case: str) -> None:
    results = analyse(broken(small, case))
    assert results.rows(status="not estimable")
    for row in results.table.iter_rows(named=True):
        numbers = [row[c] for c in ("estimate", "se", "df", "lower", "upper", "p") if row[c] is not None]
        assert not any(math.isnan(x) for x in numbers), row["key"]
        if row["estimate"] is None and row["statistic"] != "adjusted p":
            assert row["status"] != "ok", row["key"]
            assert row["reason"], row["key"]
    found = compared(results)  # a row for every analysis, whatever happened
    if case in ("one arm empty", "reference empty", "all missing", "no record at all"):
        assert {row["status"] for row in found.values()} == {"not estimable"}
        arm = {"one arm empty": "old", "reference empty": "new"}.get(case, "new and old")
        assert found["ancova"]["reason"] == f"nobody in {arm} is analysed"
    if case == "separation":
        for name in ("weighted_means", "weighted_risks"):
            assert "separate the arms" in found[name]["reason"]
        assert found["mean_difference"]["status"] == "ok"
    if case in ("constant outcome", "one subject an arm"):
        assert found["ancova"]["status"] == "not estimable"
        means = [
            m
            for m in results.rows(analysis="mean_difference", statistic="mean")
            if m["method"] != "as analysed"
        ]
        assert [m["status"] for m in means] == ["ok", "ok"]  # the mean is known, its interval is not
        assert all(m["lower"] is None and m["reason"] for m in means)


def test_the_keys_are_the_same_whatever_the_data_allow(small: Any) -> None:
    keys = [{row["key"] for row in compared(analyse(broken(small, case))).values()} for case in CASES]
    assert all(k == keys[0] for k in keys)
    assert len(keys[0]) == len(DECLARED)


def test_an_arm_without_outcomes_among_three_has_its_row_and_the_other_its_comparison(small: Any) -> None:
    arms = {"new": {"label": "New"}, "third": {"label": "Third"}, "old": {"label": "Old", "reference": True}}
    people = small.people(["new", "third", "old"] * 5)
    scale = small.scale(
        {
            p["subject"]: (30 + i, None, None if p["arm"] == "third" else 14 + i + (i * 7) % 13)
            for i, p in enumerate(people)
        }
    )
    declared = {k: v for k, v in analyses().items() if not k.startswith("weighted")}
    study = small.study(
        {"subjects": people, "scale": scale}, arms=arms, analyses=declared,
        families={"main": {"of": ["ancova"], "order": "none"}},
    )  # fmt: skip
    results = analyse(study)
    assert results.protocol.analyses.keys() == declared.keys() != set()
    for name, analysis in results.protocol.analyses.items():
        rows = results.rows(analysis=name, statistic=STATISTIC[analysis.method])
        status = {r["arm"]: r["status"] for r in rows if r["versus"]}
        assert status == {"new": "ok", "third": "not estimable"}, name


# ------------------------------------------------------------------ the outcomes as analysed


@pytest.mark.parametrize("method", ["risk-difference", "risk-ratio", "odds-ratio", "fisher-exact"])
def test_the_counts_of_a_comparison_of_risks_are_those_that_it_analysed(small: Any, method: str) -> None:
    """Two of the new arm and one of the old send nothing back: by the rule they did not respond, and they count."""
    scale = {f"p{i + 1}": (40, None, 20 if i in (0, 2, 4, 1) else 40) for i in range(12)}
    for gone in ("p7", "p9", "p10"):
        scale[gone] = (40, None, None)
    declared = {
        "endpoint": "better",
        "at": "m3",
        "role": "primary",
        "method": method,
        "missing": "non-response",
    }
    tables = {"subjects": small.people(["new", "old"] * 6), "scale": small.scale(scale)}
    results = analyse(small.study(tables, analyses={"primary": declared}))
    rows = results.rows(analysis="primary", statistic="responders")
    assert [(r["arm"], r["estimate"], r["n"], r["method"]) for r in rows] == [
        ("new", 3, 6, "as analysed"), ("old", 1, 6, "as analysed"),
    ]  # fmt: skip
    found = compared(results)["primary"]
    assert (found["n_arm"], found["n_versus"]) == (6, 6)
    observed = results.rows(analysis="describe", endpoint="better", visit="m3", statistic="responders")
    assert [(r["estimate"], r["n"]) for r in observed] == [(3, 4), (1, 5)]


@pytest.mark.parametrize("method", ["ancova", "mean-difference", "mann-whitney", "weighted-means"])
def test_mean_and_sd_as_analysed_are_of_the_outcomes_that_the_method_used(small: Any, method: str) -> None:
    """By hand: carried forward, the last change of p1 is that of month 1."""
    scale = small.scale({f"p{i + 1}": (40, 36, None if i == 0 else 40 - (i * 7) % 23) for i in range(20)})
    declared = {**DECLARED[method], "at": "m3", "role": "primary", "missing": "locf"}
    declared.setdefault("method", method)
    tables = {"subjects": small.people(["new", "old"] * 10), "scale": scale}
    results = analyse(small.study(tables, analyses={"primary": declared}, estimands=ESTIMANDS))
    changes = [-4.0 if i == 0 else -float((i * 7) % 23) for i in range(20)]
    for arm, expected in (("new", changes[::2]), ("old", changes[1::2])):
        about = {"analysis": "primary", "arm": arm, "method": "as analysed"}
        mean, sd = (results.one(**about, statistic=s) for s in ("mean", "sd"))
        assert mean is not None
        assert sd is not None
        assert (mean["estimate"], mean["n"]) == (pytest.approx(np.mean(expected)), 10)
        assert (sd["estimate"], sd["n"]) == (pytest.approx(np.std(expected, ddof=1)), 10)
        assert mean["p"] is mean["lower"] is None
    observed = results.one(analysis="describe", endpoint="change", visit="m3", arm="new", statistic="n")
    assert observed is not None
    assert observed["estimate"] == 9


def test_every_comparison_has_its_outcomes_as_analysed_whatever_the_data_allow(small: Any) -> None:
    for case in CASES:
        results = analyse(broken(small, case))
        for name, found in compared(results).items():
            statistics = ["responders"] if DECLARED_ENDPOINT[name] == "better" else ["mean", "sd"]
            for statistic in statistics:
                rows = results.rows(analysis=name, statistic=statistic, method="as analysed")
                sizes = {r["arm"]: r["n"] for r in rows}
                used = {"new": found["n_arm"], "old": found["n_versus"]}
                if name == "mmrm":  # has patients whom it was given at other visits
                    assert all(sizes[arm] <= used[arm] for arm in used), case
                else:
                    assert sizes == used, (case, name)
                assert all(r["reason"] for r in rows if r["estimate"] is None), (case, name)


DECLARED_ENDPOINT = {name.replace("-", "_"): declared["endpoint"] for name, declared in DECLARED.items()}


# ------------------------------------------------------------------ margins


@pytest.mark.parametrize("higher", [False, True])
@pytest.mark.parametrize("kind", ["non-inferiority", "equivalence"])
@pytest.mark.parametrize(
    "method", ["ancova", "mmrm", "mean-difference", "risk-difference", "weighted-means", "weighted-risks"]
)
def test_p_at_the_margin_is_at_most_alpha_exactly_when_the_interval_clears_it(
    small: Any, method: str, kind: str, higher: bool
) -> None:
    better = "higher-better" if higher else "lower-better"
    item = {"type": "number", "range": [-100, 100], "direction": better}
    forms = {
        "subjects": small.protocol["forms"]["subjects"],
        "scale": {"at": "all", "items": {"points": item}},
    }
    forms["mood"] = small.protocol["forms"]["mood"]
    name = method.replace("-", "_")
    sign = 1 if higher else -1

    def results(margin: float, conf_level: float = 0.95) -> Results:
        declared = {**DECLARED[method], "method": DECLARED[method].get("method", method), "conf_level": conf_level,
                    "at": "m3", "role": "primary", "margin": {"kind": kind, "value": margin}}  # fmt: skip
        return analyse(
            drawn(
                small,
                ["new", "old"] * 15,
                analyses={name: declared},
                forms=forms,
                families={"main": {"of": [name], "alpha": 1 - conf_level}},
            )
        )

    response = DECLARED[method]["endpoint"] == "better"
    worse = 1 if not response and not higher else -1  # on which side of 0 the margin lies
    first = results(0.3 if response else 4.0)
    found = compared(first)[name]
    row = first.one(analysis=name, statistic="margin")
    assert row is not None
    # the level at which the interval just touches the margin is 1 - p
    edges = (
        [worse * (0.3 if response else 4.0)]
        if kind == "non-inferiority"
        else [-0.3, 0.3]
        if response
        else [-4, 4]
    )
    inside = all(found["estimate"] > e if e < 0 else found["estimate"] < e for e in edges)
    assert row["method"] == kind
    assert (row["reason"] == "met") == (row["p"] <= 0.05)
    if inside and 1e-6 < row["p"] < 0.49:
        at_p = compared(results(0.3 if response else 4.0, 1 - row["p"]))[name]
        limits = [at_p["lower"] if e < 0 else at_p["upper"] for e in edges]
        assert min(abs(limit - e) for limit, e in zip(limits, edges, strict=True)) == pytest.approx(
            0, abs=1e-6
        )
    assert sign in (1, -1)


@pytest.mark.parametrize(
    ("kind", "direction", "shift", "met", "at"),
    [
        ("non-inferiority", "lower-better", 20, False, 3),
        ("non-inferiority", "lower-better", -20, True, 3),
        ("non-inferiority", "higher-better", 20, True, -3),
        ("non-inferiority", "higher-better", -20, False, -3),
        ("equivalence", "lower-better", 20, False, 3),
        ("equivalence", "lower-better", -20, False, 3),
        ("equivalence", "higher-better", 0, True, 3),
    ],
)
def test_a_difference_beyond_the_margin_on_the_worse_side_is_not_significant(
    small: Any, kind: str, direction: str, shift: int, met: bool, at: float
) -> None:
    """Far from the margin a two-sided p is tiny, on its wrong side too: there it must be 1."""
    item = {"type": "number", "range": [-100, 100], "direction": direction}
    forms = {**small.protocol["forms"], "scale": {"at": "all", "items": {"points": item}}}
    arms = ["new", "old"] * 12
    scale = {f"p{i + 1}": (30, None, 30 + shift * (arms[i] == "new") + (i * 5) % 8 / 4) for i in range(24)}
    declared = {"endpoint": "change", "at": "m3", "role": "primary", "method": "mean-difference",
                "margin": {"kind": kind, "value": 3}}  # fmt: skip
    tables = {"subjects": small.people(arms), "scale": small.scale(scale)}
    results = analyse(small.study(tables, forms=forms, analyses={"primary": declared}))
    row = results.one(statistic="margin")
    assert row is not None
    assert (row["reason"], row["at"]) == ("met" if met else "not met", at)
    assert (row["p"] < 1e-6) if met else (row["p"] == 1)
    adjusted = results.one(statistic="adjusted p")
    assert adjusted is not None
    assert adjusted["p"] == row["p"]  # the family tests the margin, not the difference
    assert adjusted["reason"] == ("rejected" if met else "not rejected")


def test_a_margin_that_cannot_be_judged_says_why(small: Any) -> None:
    results = analyse(broken(small, "all missing"))
    rows = results.rows(statistic="margin")
    assert {r["status"] for r in rows} == {"not estimable"}
    assert all(r["reason"] for r in rows)
    assert len(rows) == 5


# ------------------------------------------------------------------ subgroups


def test_subgroups_split_at_the_cuts_and_say_where_they_are_too_small(small: Any) -> None:
    people = small.people(["new", "old"] * 10, age=[40, 50, 60, 70] * 4 + [40, 40, None, None])
    scale = small.scale({p["subject"]: (30, None, 10 + (i * 7) % 17) for i, p in enumerate(people)})
    declared = {
        "endpoint": "change",
        "at": "m3",
        "role": "primary",
        "method": "mean-difference",
        "subgroups": ["age"],
    }
    results = analyse(
        small.study(
            {"subjects": people, "scale": scale}, analyses={"primary": declared},
            subgroups={"age": {"covariate": "age", "cuts": [50, 70]}},
        )
    )  # fmt: skip
    rows = results.rows(analysis="primary", statistic="mean difference")
    found = {r["subgroup"]: (r["n_arm"], r["n_versus"], r["status"]) for r in rows}
    assert found == {
        None: (10, 10, "ok"),
        "age=under 50": (5, 1, "not estimable"),
        "age=50 to under 70": (4, 4, "ok"),
        "age=70 or more": (0, 4, "not estimable"),
    }
    assert all(r["reason"] for r in rows if r["status"] != "ok")
    assert all(r["p"] is None and r["role"] == "exploratory" for r in rows if r["subgroup"])
    gone = results.rows(statistic="excluded", subgroup="age")
    assert [(r["arm"], r["estimate"], r["category"]) for r in gone] == [
        ("new", 1, "covariate missing: age"),
        ("old", 1, "covariate missing: age"),
    ]
    count = results.one(analysis="multiplicity", statistic="comparisons")
    assert count is not None
    assert count["estimate"] == 2  # the whole and the one subgroup that could be compared


# ------------------------------------------------------------------ what must not matter


def close(a: Results, b: Results, **rename: str) -> None:
    """The same comparisons, to the last digits but those of summation."""
    one, two = compared(a), compared(b)
    assert one.keys() == two.keys() != set()
    for name, row in one.items():
        for column in ("estimate", "se", "lower", "upper", "n", "n_arm", "n_versus"):
            expected = row[column]
            assert two[name][column] == (None if expected is None else pytest.approx(expected, abs=1e-9)), (
                name,
                column,
            )


@settings(WALK, max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_and_the_names_of_subjects_and_arms_do_not_matter(small: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arms = ["new", "old"] * 12
    study = drawn(small, arms, seed)
    results = analyse(study)
    people, scale = (
        study.tables[t].select(pl.exclude("_file", "_row")).to_dicts() for t in ("subjects", "scale")
    )
    keep = {k: [{c: v for c, v in row.items() if v is not None} for row in rows] for k, rows in
            (("subjects", people), ("scale", scale))}  # fmt: skip
    sections = {
        "families": {"main": {"of": ["ancova"], "order": "none"}},
        "estimands": ESTIMANDS,
        "analyses": analyses(),
    }

    def shuffled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [rows[i] for i in rng.permutation(len(rows))]

    close(results, analyse(small.study({k: shuffled(v) for k, v in keep.items()}, **sections)))
    renamed = {k: [{**row, "subject": f"{zlib.crc32(row['subject'].encode()) + seed}-{row['subject']}"} for row in v]
               for k, v in keep.items()}  # fmt: skip
    close(results, analyse(small.study(renamed, **sections)))
    words = {"new": "zulu", "old": "alpha"}
    relabelled = {**keep, "subjects": [{**row, "arm": words[row["arm"]]} for row in keep["subjects"]]}
    arms_ = {"zulu": {"label": "New"}, "alpha": {"label": "Old", "reference": True}}
    close(results, analyse(small.study(relabelled, **sections, arms=arms_)))


@settings(WALK, max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_swapping_which_arm_is_the_reference_turns_every_difference_round(small: Any, seed: int) -> None:
    arms = ["new", "old"] * 12
    results = compared(analyse(drawn(small, arms, seed)))
    turned = {"old": {"label": "Old"}, "new": {"label": "New", "reference": True}}
    other = compared(analyse(drawn(small, arms, seed, arms=turned)))
    assert len(results) == len(DECLARED)
    for name, row in results.items():
        mirrored = other[name]
        if STATISTIC[row_method(name)] in ("risk ratio", "odds ratio"):
            continue
        for a, b in (("estimate", "estimate"), ("lower", "upper"), ("upper", "lower")):
            assert mirrored[b] == pytest.approx(-row[a], abs=1e-7), name


def row_method(name: str) -> str:
    return DECLARED[name.replace("_", "-")].get("method", name.replace("_", "-"))


@settings(WALK, max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_ancova_of_the_change_is_ancova_of_the_value(small: Any, seed: int) -> None:
    endpoints = {**small.protocol["endpoints"], "value": {"score": "scale.points", "kind": "value"}}
    declared = {
        "at": "m3",
        "role": "primary",
        "method": "ancova",
        "adjust": "covariates",
        "covariates": ["baseline"],
    }
    both = {
        "ancova": {**declared, "endpoint": "change"},
        "value": {**declared, "endpoint": "value", "role": "sensitivity"},
    }
    results = analyse(drawn(small, ["new", "old"] * 12, seed, analyses=both, endpoints=endpoints))
    one, two = compared(results).values()
    for column in ("estimate", "se", "lower", "upper"):
        assert one[column] == pytest.approx(two[column], abs=1e-9)


@pytest.mark.parametrize("gone", ["new", "old"])
def test_where_an_arm_has_nobody_the_row_beside_an_adjusted_comparison_is_there_too(
    small: Any, gone: str
) -> None:
    points = {
        s: {v: x for v, x in seen.items() if v != "m6" or ("new", "old")[i % 2] != gone}
        for i, (s, seen) in enumerate(small.drawn().items())
    }
    results = analyse(small.repeated(points, {"method": "ancova", "covariates": ["baseline"]}))
    rows = results.rows(analysis="model.unadjusted", statistic="mean difference")
    assert [(x["visit"], x["status"]) for x in rows] == [("m1", "ok"), ("m3", "ok"), ("m6", "not estimable")]
