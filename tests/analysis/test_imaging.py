"""Rows about images: counted by hand, and by methods that have their own witnesses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from armwise.analysis.imaging import GEE, NO_REFERENCE, UNCONTROLLED, WITHIN, imaging
from armwise.analysis.results import Row, table
from armwise.derive.derived import derive
from armwise.protocol.load import parse_protocol
from armwise.stats import gee, gee_contrast, sign_flip_mean
from armwise.study.study import Study
from armwise.study.tables import FILE, LINE

PROTOCOL = """
study: {id: MRI, version: "1", title: Images, allocation: nonrandomised, masking: open-label}
arms: {new: {label: New}, usual: {label: Usual, reference: true}}
visits: {baseline: {day: 0}, m12: {day: 365}}
forms:
  subjects: {items: {age: {type: integer}}}
  odi: {instrument: odi, at: all}
  mri:
    at: all
    ARMS
    keys: [subject, visit, level]
    items:
      level: {type: choice, choices: [L3, L4, L5]}
      disc: {type: integer, range: [1, 5]}
      modic: {type: integer, range: [0, 3]}
      hiz: {type: choice, choices: ["no", "yes"]}
covariates: {age: subjects.age}
endpoints: {change: {score: odi.total, kind: change}}
imaging:
  form: mri
  covariates: [COVARIATES]
  grades: {disc: {scheme: pfirrmann}, modic: {scheme: modic}, hiz: {scheme: high-intensity-zone}}
analyses: {main: {endpoint: change, at: m12, role: exploratory, method: mean-difference}}
"""
ZERO = dt.date(2026, 1, 10)
DATES = {"baseline": dt.date(2026, 1, 1), "m12": dt.date(2027, 1, 10)}


def drawn(n: int = 12, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Subjects of two arms and their images, SIMULATED: three levels at two visits."""
    rng = np.random.default_rng(seed)
    names = [f"s{k:02d}" for k in range(2 * n)]
    subjects = pl.DataFrame(
        {
            "subject": names, "arm": ["new", "usual"] * n, "enrolled": [ZERO] * (2 * n),
            "age": rng.integers(40, 75, 2 * n), FILE: "data/subjects.csv", LINE: np.arange(2, 2 * n + 2),
        }
    )  # fmt: skip
    rows = []
    for k, name in enumerate(names):
        disc, modic, hiz = rng.integers(2, 5, 3), rng.integers(0, 4, 3), rng.random(3) < 0.4
        for visit in DATES:
            if visit == "m12":
                disc = np.clip(
                    disc + rng.choice([-1, 0, 1], 3, p=[0.2, 0.5, 0.3] if k % 2 else [0.3, 0.5, 0.2]), 1, 5
                )
                modic = np.where(rng.random(3) < 0.3, rng.integers(0, 4, 3), modic)
                hiz = hiz ^ (rng.random(3) < 0.25)
            for p, level in enumerate(("L3", "L4", "L5")):
                if visit == "m12" and k == 5:
                    continue  # did not come back
                rows.append(
                    (name, visit, DATES[visit], level, int(disc[p]), int(modic[p]), "yes" if hiz[p] else "no")
                )
    mri = pl.DataFrame(
        rows, schema=["subject", "visit", "date", "level", "disc", "modic", "hiz"], orient="row"
    )
    return subjects, mri


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., list[Row]]:
    """The rows of imaging of a study with these tables."""

    def make(both: bool = True, covariates: str = "", tables: Any = None) -> list[Row]:
        text = PROTOCOL.replace("ARMS", "" if both else "arms: [new]").replace("COVARIATES", covariates)
        subjects, mri = tables or drawn()
        study = Study(
            tmp_path, parse_protocol(text, "p"), text, {"subjects": subjects, "mri": mri}, (), {}, {}
        )
        rows = list(imaging(derive(study)))
        assert table(rows)["id"].is_unique().all()
        return rows

    return make


def one(rows: list[Row], **where: Any) -> Row:
    found = [r for r in rows if all(r[k] == v for k, v in where.items())]
    assert len(found) == 1, (where, len(found))
    return found[0]


def pairs(column: str, arm: str | None = None) -> list[tuple[str, str, Any, Any, int]]:
    """subject, arm, before, after, age of every place graded twice, straight from the table."""
    subjects, mri = drawn()
    arms = dict(subjects.select("subject", "arm").iter_rows())
    age = dict(subjects.select("subject", "age").iter_rows())
    cells = {(r["subject"], r["level"], r["visit"]): r[column] for r in mri.iter_rows(named=True)}
    return [
        (s, arms[s], value, cells[(s, level, "m12")], age[s])
        for (s, level, visit), value in cells.items()
        if visit == "baseline" and (s, level, "m12") in cells and arm in (None, arms[s])
    ]


def test_shifts_are_the_places_counted_one_by_one(made: Callable[..., list[Row]]) -> None:
    rows = made()
    for arm, n in (("new", 12), ("usual", 11)):  # one of the usual arm did not come back
        found = pairs("disc", arm)
        for before in range(1, 6):
            for after in range(1, 6):
                r = one(rows, endpoint="mri.disc", arm=arm, category=f"{before} to {after}")
                assert r["estimate"] == sum((b, a) == (before, after) for _, _, b, a, _ in found)
                assert (r["n"], r["unit"], r["visit"]) == (n, "places", "m12")
        up = [s for s, _, b, a, _ in found if a > b]
        down = [s for s, _, b, a, _ in found if a < b]
        moved = {*up, *down}
        asked = {"endpoint": "mri.disc", "arm": arm}
        assert one(rows, **asked, statistic="places", category="worse")["estimate"] == len(up)
        assert one(rows, **asked, statistic="subjects", category="worse")["estimate"] == len(set(up))
        assert one(rows, **asked, statistic="subjects", category="better")["estimate"] == len(set(down))
        assert one(rows, **asked, statistic="subjects", category="no place")["estimate"] == n - len(moved)


def test_modic_types_have_no_order_and_zones_come_and_go(made: Callable[..., list[Row]]) -> None:
    rows = made()
    changed = [s for s, _, b, a, _ in pairs("modic", "new") if a != b]
    found = one(rows, endpoint="mri.modic", arm="new", statistic="places", category="changed")
    assert found["estimate"] == len(changed)
    assert not [r for r in rows if r["endpoint"] == "mri.modic" and r["category"] in ("better", "worse")]
    gone = sum((b, a) == ("yes", "no") for _, _, b, a, _ in pairs("hiz", "usual"))
    assert one(rows, endpoint="mri.hiz", arm="usual", statistic="places", category="gone")["estimate"] == gone


def test_the_change_is_that_of_subjects_by_flipping_their_signs(made: Callable[..., list[Row]]) -> None:
    rows = made(both=False)
    for column, value in (
        ("disc", float),
        ("modic", lambda v: float(v > 0)),
        ("hiz", lambda v: float(v == "yes")),
    ):
        by: dict[str, list[float]] = {}
        for s, _, b, a, _ in pairs(column, "new"):
            by.setdefault(s, []).append(value(a) - value(b))
        e = sign_flip_mean([float(np.mean(v)) for v in by.values()])
        r = one(rows, endpoint=f"mri.{column}", statistic="mean change")
        assert [r["estimate"], r["lower"], r["upper"], r["n"]] == [e.estimate, e.lower, e.upper, 12]
        assert r["p"] is None  # exploratory, and in no family
        assert r["reason"] == f"{UNCONTROLLED}; all 4,096 sign patterns"
        assert r["unit"] == ("grades" if column == "disc" else "proportion")
    assert not [r for r in rows if r["versus"]]


def test_arms_are_compared_by_gee_with_subjects_as_clusters(made: Callable[..., list[Row]]) -> None:
    rows = made(covariates="age")
    found = pairs("disc")
    X = [[1, arm == "new", b, age] for _, arm, b, _, age in found]
    fit = gee([a for *_, a, _ in found], np.array(X, dtype=float), [s for s, *_ in found])
    e = gee_contrast(fit, [0, 1, 0, 0], n_arm=12, n_versus=11)
    r = one(rows, endpoint="mri.disc", versus="usual")
    for name in ("estimate", "se", "df", "lower", "upper", "n", "n_arm", "n_versus"):
        assert r[name] == pytest.approx(getattr(e, name), rel=1e-10)
    assert (r["statistic"], r["method"], r["p"]) == ("mean difference", GEE, None)
    assert r["reason"] == "given the grade at baseline, age"
    assert fit.method == GEE
    found = pairs("hiz")
    X = [[1, arm == "new", b == "yes", age] for _, arm, b, _, age in found]
    fit = gee(
        [a == "yes" for *_, a, _ in found], np.array(X, dtype=float), [s for s, *_ in found], family="binary"
    )
    r = one(rows, endpoint="mri.hiz", versus="usual")
    assert r["statistic"] == "odds ratio"
    assert r["estimate"] == pytest.approx(np.exp(fit.beta[1]), rel=1e-10)
    assert UNCONTROLLED not in one(rows, endpoint="mri.disc", statistic="mean change", arm="new")["reason"]


def test_keys_do_not_depend_on_the_data(made: Callable[..., list[Row]]) -> None:
    subjects, mri = drawn()
    full = {r["key"] for r in made()}
    alike = mri.with_columns(disc=pl.lit(3, dtype=pl.Int64), hiz=pl.lit("no"))
    assert {r["key"] for r in made(tables=(subjects, alike))} == full
    rows = made(tables=(subjects, mri.filter(pl.col("visit") == "baseline")))
    assert {r["key"] for r in rows} == full
    r = one(rows, endpoint="mri.disc", versus="usual")
    assert (r["status"], r["reason"].partition(";")[0]) == (
        "not estimable",
        "nobody of new, usual has images at both visits",
    )
    r = one(made(tables=(subjects, alike)), endpoint="mri.hiz", versus="usual")
    assert r["status"] == "not estimable"
    assert r["reason"].startswith("all 69 outcomes are alike")


def test_who_was_imaged_and_read_is_counted(made: Callable[..., list[Row]]) -> None:
    rows = made()
    assert one(rows, statistic="imaged", arm="usual", visit="baseline")["estimate"] == 12
    assert one(rows, statistic="imaged", arm="usual", visit="m12")["estimate"] == 11
    assert one(rows, statistic="readings", item="one reader", category=None)["estimate"] == 47
    subjects, mri = drawn()
    late = mri.with_columns(
        date=pl.when((pl.col("subject") == "s00") & (pl.col("visit") == "baseline"))
        .then(dt.date(2026, 3, 1))
        .otherwise("date")
    )
    rows = made(tables=(subjects, late))
    assert one(rows, statistic="excluded", arm="new")["estimate"] == 1
    assert one(rows, endpoint="mri.disc", statistic="mean change", arm="new")["n"] == 11


def test_a_study_without_the_section_has_no_rows(tmp_path: Path) -> None:
    text = PROTOCOL.replace("ARMS", "").replace("COVARIATES", "")
    protocol = parse_protocol(text, "p").model_copy(update={"imaging": None})
    subjects, mri = drawn()
    study = Study(tmp_path, protocol, text, {"subjects": subjects, "mri": mri}, (), {}, {})
    assert list(imaging(derive(study))) == []


def test_an_arm_that_was_to_be_imaged_and_was_not_leaves_the_other_uncontrolled(
    made: Callable[..., list[Row]],
) -> None:
    subjects, mri = drawn()
    new = subjects.filter(pl.col("arm") == "new")["subject"].to_list()
    rows = made(tables=(subjects, mri.filter(pl.col("subject").is_in(new))))
    found = one(rows, endpoint="mri.disc", arm="new", statistic="mean change")
    assert found["reason"].startswith(UNCONTROLLED)
    assert one(rows, statistic="imaged", arm="usual", visit="m12")["estimate"] == 0
    between = one(rows, endpoint="mri.disc", versus="usual")
    assert (between["status"], between["reason"]) == (
        "not estimable",
        "nobody of usual has images at both visits; given the grade at baseline",
    )
    assert one(made(), endpoint="mri.disc", arm="new", statistic="mean change")["reason"].startswith(WITHIN)
    assert WITHIN != NO_REFERENCE


def test_who_is_imaged_is_who_has_a_grade(made: Callable[..., list[Row]]) -> None:
    subjects, mri = drawn()
    first = mri["subject"][0]
    unread = mri.with_columns(
        pl.when(pl.col("subject") == first).then(None).otherwise(pl.col(c)).alias(c)
        for c in ("disc", "modic", "hiz")
    )
    full, less = made(), made(tables=(subjects, unread))
    where = {"statistic": "imaged", "arm": "new", "visit": "baseline"}
    assert one(less, **where)["estimate"] == one(full, **where)["estimate"] - 1
    assert one(less, **where)["n"] == 12
