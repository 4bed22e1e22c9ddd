"""The NHEFS example: the published effect comes out of the committed tables, and these out of the package."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from armwise.stats import mean_comparison, propensity, weighted_means
from armwise.study.study import load_study

EXAMPLE = Path(__file__).parents[2] / "examples" / "nhefs"
#: The terms of the published propensity model: numbers with their squares, categories.
SQUARED = ("age", "cigarettes", "years_smoked", "weight_1971")
CATEGORIES = ("sex", "race", "education", "exercise", "active")


@pytest.fixture(scope="module")
def seen() -> pl.DataFrame:
    """Those weighed in both years, one row a person."""
    subjects = pl.read_csv(EXAMPLE / "data" / "subjects.csv")
    kg = pl.read_csv(EXAMPLE / "data" / "weight.csv").pivot("visit", index="subject", values="kg")
    return (
        subjects.join(kg, on="subject")
        .drop_nulls("y1982")
        .with_columns(gain=pl.col("y1982") - pl.col("y1971"))
    )


def covariates(seen: pl.DataFrame) -> dict[str, np.ndarray]:
    numbers = {name: seen[name].to_numpy().astype(float) for name in SQUARED}
    squares = {f"{name}_squared": x**2 for name, x in numbers.items()}
    return numbers | squares | {name: seen[name].to_numpy() for name in CATEGORIES}


def test_the_published_weighted_effect_comes_out(seen: pl.DataFrame) -> None:
    """Published: 3.4 kg (2.4 to 4.5); with more digits 3.441 (2.411 to 4.470), n 1,566.

    The published interval takes the weights as known (a robust regression with weights, normal).
    """
    treated = (seen["arm"] == "quit").to_numpy()
    means = weighted_means(seen["gain"].to_numpy(), treated, covariates(seen), "everyone", variance="known")
    found = mean_comparison(means).difference
    assert (found.n, found.n_arm, found.n_versus) == (1566, 403, 1163)
    assert [found.estimate, found.lower, found.upper] == pytest.approx([3.441, 2.411, 4.470], abs=0.0005)


def test_an_interval_that_knows_the_weights_were_estimated_is_narrower_and_the_estimate_the_same(
    seen: pl.DataFrame,
) -> None:
    treated = (seen["arm"] == "quit").to_numpy()
    fit = propensity(covariates(seen), treated)
    y = seen["gain"].to_numpy()
    known, stacked = (weighted_means(y, treated, fit, "everyone", variance=v) for v in ("known", "sandwich"))
    assert stacked.difference == known.difference
    assert stacked.variance < 0.9 * known.variance


def test_the_squares_are_those_of_the_numbers(seen: pl.DataFrame) -> None:
    for name in SQUARED:
        assert seen[f"{name}_squared"].to_numpy() == pytest.approx(seen[name].to_numpy() ** 2, rel=1e-9)


def test_the_first_weight_is_the_covariate_and_nobody_is_lost(seen: pl.DataFrame) -> None:
    assert seen["weight_1971"].to_list() == seen["y1971"].to_list()
    study = load_study(EXAMPLE)
    assert not study.errors
    assert study.tables["subjects"].height == 1629 and study.tables["weight"].height == 1629 + 1566


def test_the_example_s_own_analyses_are_those_of_its_page() -> None:
    from armwise.analysis.run import analyse

    rows = analyse(load_study(EXAMPLE)).table.filter(pl.col("statistic") == "mean difference")
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    published = rows.row(by_predicate=pl.col("analysis") == "published", named=True)
    numbers = [published[k] for k in ("estimate", "lower", "upper")]
    assert numbers == pytest.approx([3.441, 2.411, 4.470], abs=0.0005)
    for name in ("primary", "published", "overlap", "balanced", "standardised", "augmented", "unadjusted"):
        row = rows.row(by_predicate=pl.col("analysis") == name, named=True)
        line = next(x for x in page.splitlines() if x.startswith(f"| `{name}`"))
        assert line.endswith(f"| {row['estimate']:.3f} | {row['lower']:.3f} to {row['upper']:.3f} |"), name


def test_the_tables_are_those_that_the_package_gives() -> None:
    pytest.importorskip("causaldata")
    if version("causaldata") != "0.1.5":
        pytest.skip("another version of causaldata")
    spec = importlib.util.spec_from_file_location("nhefs_make_data", EXAMPLE / "make_data.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    raw = make.source()
    for table in (make.subjects, make.weight):
        committed = (EXAMPLE / "data" / f"{table.__name__}.csv").read_text(encoding="utf-8")
        assert table(raw).write_csv() == committed
    assert make.provenance() == (EXAMPLE / "data" / "provenance.json").read_text(encoding="utf-8")
