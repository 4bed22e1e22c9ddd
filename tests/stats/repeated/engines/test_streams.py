"""A long table of any size gives the cross-products of the same rows in memory, wherever it is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import designs
import numpy as np
import pandas as pd
import polars as pl
import pytest

from armwise.errors import FileError, UsageError
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, moved
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.engines import clusters, streams
from armwise.stats.repeated.engines.streams import Summed, products_from
from armwise.stats.repeated.fitting import fit_wide, mmrm_cross_products
from armwise.stats.repeated.wide import Wide

duckdb = pytest.importorskip("duckdb")
#: A relation does not keep its connection alive.
CONNECTION = duckdb.connect()
pq = pytest.importorskip("pyarrow.parquet")

VISITS = ("m1", "m3", "m6", "m12")
COLUMNS = {"subject": "id", "visit": "visit", "outcome": "odi", "visits": VISITS}
MODEL: dict[str, Any] = COLUMNS | {"covariates": ["arm", "baseline", "age"]}


def simulated(seed: int = 5, per_arm: int = 30) -> Wide:
    rng = np.random.default_rng(seed)
    data = designs.miss_at_random(
        rng, designs.simulate(rng, per_arm, designs.autoregressive(4, 0.7), mean=40.0), 0.2
    )
    u = np.column_stack([np.ones(2 * per_arm), *data.by_visit.values(), *data.overall.values()])
    labels = np.array([f"S{i:03d}" for i in range(2 * per_arm)])
    weights = rng.uniform(0.5, 2.0, data.y.shape)
    return Wide(
        VISITS, ("1", "arm", "baseline", "age"), data.y, u,
        np.arange(2 * per_arm) % 3, ("a", "b", "c"), weights, labels,
    )  # fmt: skip


def long(wide: Wide, missing_rows: bool = False) -> pl.DataFrame:
    """One row a subject and visit; those without an outcome too, if asked for."""
    n, m = wide.y.shape
    assert wide.subjects is not None and wide.group is not None and wide.weights is not None
    frame = pl.DataFrame(
        {
            "id": np.repeat(wide.subjects, m),
            "visit": np.tile(wide.visits, n),
            "odi": wide.y.ravel(),
            **{name: np.repeat(wide.u[:, k], m) for k, name in enumerate(wide.covariates) if k},
            "site": np.repeat(np.array(wide.groups)[wide.group], m),
            "w": wide.weights.ravel(),
        }
    ).with_columns(pl.col("odi").fill_nan(None))
    return frame if missing_rows else frame.drop_nulls()


def plain(wide: Wide) -> Wide:
    return replace(wide, group=None, groups=("",), weights=None)


def agree(found: Summed | CrossProducts, expected: CrossProducts, rtol: float = 1e-12) -> None:
    """The same sums, from the same centres, within rounding of the largest of each kind."""
    products = found.products if isinstance(found, Summed) else found
    products = moved(products, expected.u_centre, expected.y_centre)
    for name in ("visits", "covariates", "groups"):
        assert getattr(products, name) == getattr(expected, name)
    assert (products.observed == expected.observed).all() and (products.group == expected.group).all()
    assert (products.n == expected.n).all()
    for name in ("uu", "uy", "yy", "log_weights"):
        a, b = getattr(products, name), getattr(expected, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert np.abs(a - b).max() <= rtol * np.abs(b).max(), name


@pytest.fixture(scope="module")
def wide() -> Wide:
    return simulated()


@pytest.fixture(scope="module")
def rows(wide: Wide) -> pl.DataFrame:
    return long(wide)


@pytest.fixture(scope="module")
def expected(wide: Wide) -> CrossProducts:
    return cross_products(plain(wide))


def as_parquet(rows: pl.DataFrame, folder: Any, **options: Any) -> Any:
    path = folder / "rows.parquet"
    pq.write_table(rows.to_arrow(), path, **options)
    return path


SOURCES: dict[str, Callable[[pl.DataFrame, Any], Any]] = {
    "Polars frame": lambda rows, _: rows,
    "LazyFrame": lambda rows, _: rows.lazy(),
    "pandas frame": lambda rows, _: rows.to_pandas(),
    "arrays": lambda rows, _: {name: rows[name].to_numpy() for name in rows.columns},
    "Arrow table": lambda rows, _: rows.to_arrow(),
    "Parquet": as_parquet,
    "relation": lambda rows, _: CONNECTION.from_arrow(rows.to_arrow()),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("missing_rows", [False, True], ids=["rows absent", "rows without outcome"])
def test_every_source_gives_the_sums_in_memory(kind, missing_rows, wide, expected, tmp_path) -> None:
    rows = long(wide, missing_rows)
    found = products_from(SOURCES[kind](rows, tmp_path), **MODEL)
    agree(found, expected)
    assert found.rows == len(rows)
    assert found.dropped == ({"odi": int(np.isnan(wide.y).sum())} if missing_rows else {})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64, 10_000])
def test_subjects_are_put_together_wherever_batches_cut_them(size, rows, expected, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", size)
    agree(products_from(rows, **MODEL), expected)


@pytest.mark.parametrize("first", range(1, 9))
def test_subjects_are_put_together_with_a_cut_at_each_of_their_rows(first, rows, expected, tmp_path) -> None:
    """Files that end within a subject, between two, and after a file of one row."""
    cuts = [0, first, first + 1, first + 2, 100, 101, len(rows)]
    for k, (a, b) in enumerate(pairwise(cuts)):
        rows[a:b].write_parquet(tmp_path / f"part{k}.parquet")
    agree(products_from(tmp_path, **MODEL), expected)
    agree(products_from(sorted(map(str, tmp_path.glob("*.parquet"))), **MODEL), expected)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_subjects_are_put_together_over_row_groups(size, rows, expected, tmp_path) -> None:
    path = as_parquet(rows, tmp_path, row_group_size=size)
    assert pq.ParquetFile(path).num_row_groups > len(rows) / size - 1
    agree(products_from(path, **MODEL), expected)


def test_partitions_of_an_engine_are_read_and_its_own_files_are_not(rows, expected, tmp_path) -> None:
    for k, name in enumerate(("part=0/a.parquet", "part=1/b.parquet")):
        (tmp_path / name).parent.mkdir()
        rows[slice(0, 77) if k == 0 else slice(77, None)].write_parquet(tmp_path / name)
    for name in ("_delta_log/log.parquet", ".hidden.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not data")
    agree(products_from(tmp_path, **MODEL), expected)


def test_a_file_given_twice_is_refused(rows, tmp_path) -> None:
    path = as_parquet(rows, tmp_path)
    with pytest.raises(UsageError, match=r"subject S000 do not stand together in .* and 1 more"):
        products_from([path, path], **MODEL)


@pytest.mark.parametrize("other", [pl.String, pl.Float64])
def test_labels_of_two_types_are_refused(other, rows, tmp_path) -> None:
    """The subject 7 of one file and the subject "7" of the next would be two."""
    numbers = rows.with_columns(id=pl.col("id").str.slice(1).cast(pl.Int64))
    numbers[:41].write_parquet(tmp_path / "1.parquet")
    numbers[41:].with_columns(pl.col("id").cast(other)).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(UsageError, match=f"'id' holds whole numbers in one part of the source and {other}"):
        products_from(tmp_path, **MODEL)


def test_a_file_without_rows_between_two_others_changes_nothing(rows, expected, tmp_path) -> None:
    for k, part in enumerate((rows[:7], rows[:0], rows[7:])):
        part.write_parquet(tmp_path / f"{k}.parquet")
    agree(products_from(tmp_path, **MODEL), expected)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_groups_weights_and_covariates_over_time_come_through_cuts(size, wide, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", size)
    rng = np.random.default_rng(3)
    pain = np.where(np.isnan(wide.y), 0.0, rng.normal(5, 2, wide.y.shape))
    rows = long(wide, missing_rows=True).with_columns(pain=pl.Series(pain.ravel())).drop_nulls()
    whole = replace(
        wide,
        covariates=(*wide.covariates, *(f"pain@{v}" for v in VISITS)),
        u=np.column_stack([wide.u, pain]),
    )
    found = products_from(rows, **MODEL, time_varying=["pain"], group="site", weights="w")
    agree(found, cross_products(whole))


def test_a_designs_own_covariates_can_be_given_as_they_are(wide, expected) -> None:
    design = crossed_design(VISITS, ["arm", "baseline", "odi@m1"], ["age"])
    assert design.covariates == ("1", "arm", "baseline", "odi@m1", "age")
    found = products_from(long(wide), **COLUMNS, covariates=design.covariates).products
    u = np.insert(wide.u, 3, np.where(np.isnan(wide.y[:, 0]), 0.0, wide.y[:, 0]), axis=1)
    agree(found, cross_products(replace(plain(wide), u=u, covariates=design.covariates)))


def test_a_column_of_labels_enters_as_zero_and_one(wide, expected) -> None:
    words = long(wide).with_columns(
        arm=pl.when(pl.col("arm") == 1).then(pl.lit("bmc")).otherwise(pl.lit("usual"))
    )
    named = {"arm[bmc]": ("arm", "bmc"), "baseline": "baseline", "age": "age"}
    wanted = replace(expected, covariates=("1", "arm[bmc]", "baseline", "age"))
    for arm in (
        words["arm"],
        words["arm"].cast(pl.Categorical),
        words["arm"].cast(pl.Enum(["usual", "bmc"])),
    ):
        agree(products_from(words.with_columns(arm), **COLUMNS, covariates=named), wanted)


@pytest.mark.parametrize("kind", ["text", "categories", "numbers", "decimals"])
def test_visits_may_be_text_categories_or_numbers(kind, rows, expected) -> None:
    months = pl.col("visit").str.slice(1).cast(pl.Int64)
    column, visits = {
        "text": (pl.col("visit"), VISITS),
        "categories": (pl.col("visit").cast(pl.Categorical), VISITS),
        "numbers": (months, [1, 3, 6, 12]),
        "decimals": (months.cast(pl.Float64), [1, 3, 6, 12]),
    }[kind]
    found = products_from(rows.with_columns(visit=column), **MODEL | {"visits": visits}).products
    agree(replace(found, visits=VISITS), expected)


@pytest.mark.parametrize("labels", ["numbers", "unsorted text", "descending", "categories"])
def test_subjects_may_come_in_any_order(labels, rows, expected, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 16)
    number = pl.col("id").str.slice(1).cast(pl.Int64)
    column = {
        "numbers": number,
        "unsorted text": pl.lit("S") + number.cast(str),  # S9, S10
        "descending": 1000 - number,
        "categories": pl.col("id").cast(pl.Categorical),
    }[labels]
    rows = rows.with_columns(id=column)
    agree(products_from(rows, **MODEL), expected)
    agree(products_from(rows.lazy(), **MODEL), expected)
    agree(products_from(as_parquet(rows, tmp_path), **MODEL), expected)


@pytest.mark.parametrize("labels", ["text", "numbers"])
@pytest.mark.parametrize("kind", ["Parquet", "LazyFrame", "relation"])
def test_a_subject_that_comes_back_is_refused_by_name(kind, labels, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 16)
    last = rows.filter(pl.col("id") == "S004")
    assert len(last) > 1
    scattered = pl.concat([rows.filter(~((pl.col("id") == "S004") & (pl.col("visit") == "m3"))), last[1:2]])
    scattered = (
        scattered if last["visit"][1] == "m3" else pl.concat([rows, last.with_columns(visit=pl.lit("m3"))])
    )
    if labels == "numbers":
        scattered = scattered.with_columns(id=pl.col("id").str.slice(1).cast(pl.Int64))
    name = "S004" if labels == "text" else "4"
    with pytest.raises(
        UsageError, match=f"the rows of subject {name} do not stand together in .*; (sort|order)"
    ):
        products_from(SOURCES[kind](scattered, tmp_path), **MODEL)


def test_of_many_who_come_back_the_first_is_named(rows, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 8)
    by_visit = rows.sort("visit", "id")
    first = next(who for k, who in enumerate(by_visit["id"]) if who in by_visit["id"][:k])
    with pytest.raises(UsageError, match=f"subject {first} do not"):
        products_from(by_visit.lazy(), **MODEL)


def test_every_subject_that_comes_back_is_seen_however_far_away(rows, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 8)
    for who in ("S000", "S001", "S030", "S058"):
        mine = rows.filter(pl.col("id") == who)
        if len(mine) < 2:
            continue
        apart = pl.concat([mine[:1], rows.filter(pl.col("id") != who), mine[1:]])
        with pytest.raises(UsageError, match=f"subject {who} do not stand together"):
            products_from(apart.lazy(), **MODEL)


def test_a_subject_that_comes_back_is_seen_before_the_end(rows, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 4)
    monkeypatch.setattr(clusters, "FIRST_CHECK", 4)
    met = []
    follow = clusters.Order.follow
    monkeypatch.setattr(clusters.Order, "follow", lambda self, x: (met.append(len(x)), follow(self, x))[1])
    with pytest.raises(UsageError, match="do not stand together"):
        products_from(pl.concat([rows[:8], rows]).lazy(), **MODEL)
    assert sum(met) < 60


def test_more_subjects_out_of_order_than_can_be_told_apart_are_refused(rows, monkeypatch) -> None:
    monkeypatch.setattr(clusters, "MOST_UNSORTED", 50)
    with pytest.raises(UsageError, match="more than 50 subjects whose labels are not in order"):
        products_from(rows.reverse().lazy(), **MODEL)
    agree(products_from(rows, **MODEL), products_from(rows.lazy(), **MODEL).products)  # in order: no limit


@pytest.mark.parametrize("kind", ["Polars frame", "pandas frame", "Arrow table", "arrays"])
def test_a_shuffled_table_in_memory_is_sorted(kind, rows, expected, tmp_path) -> None:
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    agree(products_from(SOURCES[kind](shuffled, tmp_path), **MODEL), expected)


@pytest.mark.parametrize("kind", ["Parquet", "relation"])
def test_duckdb_sorts_what_is_shuffled(kind, rows, expected, tmp_path) -> None:
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    agree(products_from(SOURCES[kind](shuffled, tmp_path), **MODEL, engine="duckdb"), expected)


def test_column_names_with_blanks_and_quotes_reach_duckdb(rows, expected, tmp_path) -> None:
    odd = rows.rename({"odi": 'the "odi" score', "id": "subject id"})
    named = MODEL | {"outcome": 'the "odi" score', "subject": "subject id"}
    agree(products_from(as_parquet(odd, tmp_path), **named, engine="duckdb"), expected)


def test_ten_files_in_any_order_and_ten_sums_give_the_fit_of_the_whole(wide, rows, tmp_path) -> None:
    design = crossed_design(VISITS, ["arm", "baseline"], ["age"])
    whole = fit_wide(plain(wide), design)
    parts = [rows.filter(pl.col("id").hash(1) % 10 == k) for k in range(10)]
    sums = [products_from(part, **MODEL).products for part in parts]
    for k, part in enumerate(parts):
        part.write_parquet(tmp_path / f"{k}.parquet")
    backwards = sorted(tmp_path.glob("*.parquet"), reverse=True)
    for products in (sum(sums), sum(sums[::-1]), products_from(backwards, **MODEL).products):
        fit = mmrm_cross_products(products, design)
        np.testing.assert_allclose(fit.beta, whole.beta, rtol=1e-10)
        np.testing.assert_allclose(fit.vcov, whole.vcov, rtol=1e-10, atol=1e-10 * np.abs(whole.vcov).max())
        assert fit.loglik == pytest.approx(whole.loglik, rel=1e-10)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_two_rows_at_one_visit_are_refused_by_name(size, rows, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", size)
    twice = pl.concat([rows[:5], rows[4:]])
    named = f"{rows['id'][4]} at {rows['visit'][4]} .2 rows."
    with pytest.raises(UsageError, match=f"more than one row of a subject at a visit: {named}"):
        products_from(twice, **MODEL)


def test_a_second_row_at_a_visit_without_outcome_is_left_out(rows, expected) -> None:
    empty = rows[4:5].with_columns(odi=pl.lit(None, dtype=pl.Float64))
    for order in ([rows[:5], empty, rows[5:]], [rows[:4], empty, rows[4:]]):
        found = products_from(pl.concat(order), **MODEL)
        agree(found, expected)
        assert found.dropped == {"odi": 1}


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(("column", "new"), [("baseline", 99.5), ("site", "z")])
def test_what_must_be_constant_and_changes_is_refused_by_name(size, column, new, rows, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", size)
    k = next(i for i in range(5, 20) if rows["id"][i] == rows["id"][i - 1])
    changed = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == k).then(pl.lit(new)).otherwise(pl.col(column)).alias(column)
    )
    with pytest.raises(
        UsageError, match=f"'{column}' changes within a subject: {rows['id'][k]} .*then {new}"
    ):
        products_from(changed, **MODEL, group="site")


def test_rows_of_an_unknown_visit_are_refused_by_name_or_counted(rows, expected) -> None:
    extra = rows.group_by("id", maintain_order=True).first().head(7).with_columns(visit=pl.lit("phone call"))
    more = pl.concat([rows, extra.select(rows.columns)]).sort("id", maintain_order=True)
    with pytest.raises(UsageError, match="rows are of visit phone call, which visits does not list"):
        products_from(more, **MODEL)
    found = products_from(more, **MODEL, other_visits="drop")
    agree(found, expected)
    assert found.dropped == {"visit not in visits": 7}
    numbers = more.with_columns(
        visit=pl.col("visit").replace_strict([*VISITS, "phone call"], [1, 3, 6, 12, 99])
    )
    with pytest.raises(UsageError, match="rows are of visit 99,"):
        products_from(numbers, **MODEL | {"visits": [1, 3, 6, 12]})


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_rows_that_miss_a_covariate_or_a_weight_are_left_out_and_counted(
    size, wide, rows, monkeypatch
) -> None:
    monkeypatch.setattr(streams, "ROWS", size)
    where = pl.int_range(pl.len())
    holes = rows.with_columns(
        age=pl.when(where.is_in([2, 50])).then(None).otherwise(pl.col("age")),
        w=pl.when(where.is_in([2, 90, 91])).then(None).otherwise(pl.col("w")),
    )
    found = products_from(holes, **MODEL, weights="w")
    assert found.dropped == {"age": 2, "w": 2}
    agree(found, products_from(rows.filter(~where.is_in([2, 50, 90, 91])), **MODEL, weights="w").products)


def test_a_value_at_a_visit_that_the_model_does_not_take_may_be_missing(rows) -> None:
    pain = rows.with_columns(pain=pl.when(pl.col("visit") == "m1").then(pl.col("w")))
    model = COLUMNS | {"covariates": ["pain@m1"]}
    assert products_from(pain, **model).dropped == {}
    k = pain["visit"].to_list().index("m1")
    hole = pain.with_columns(pain=pl.when(pl.int_range(pl.len()) == k).then(None).otherwise(pl.col("pain")))
    assert products_from(hole, **model).dropped == {"pain": 1}


def test_a_subject_without_a_usable_row_is_counted(wide, rows, expected, monkeypatch) -> None:
    monkeypatch.setattr(streams, "ROWS", 3)
    gone = rows.with_columns(age=pl.when(pl.col("id") == "S010").then(None).otherwise(pl.col("age")))
    found = products_from(gone, **MODEL, group="site")
    assert found.products.n_empty == 1
    assert found.dropped == {"age": len(rows.filter(pl.col("id") == "S010"))}
    others = products_from(rows.filter(pl.col("id") != "S010"), **MODEL, group="site").products
    agree(found, others)


@pytest.mark.parametrize(
    ("column", "what"), [("age", "covariate age of S020"), ("odi", "the outcome at .* of S020")]
)
def test_infinite_numbers_are_refused_by_name(column, what, rows) -> None:
    infinite = rows.with_columns(pl.when(pl.col("id") == "S020").then(np.inf).otherwise(column).alias(column))
    with np.errstate(invalid="ignore"), pytest.raises(UsageError, match=what):
        products_from(infinite, **MODEL)


def test_groups_are_sorted_whatever_the_order_of_rows_and_declared_ones_are_kept(rows) -> None:
    one = products_from(rows, **MODEL, group="site").products
    other = products_from(rows.reverse(), **MODEL, group="site").products
    assert one.groups == ("a", "b", "c")
    agree(other, one)
    declared = products_from(rows, **MODEL, group="site", groups=["d", "c", "b", "a"]).products
    assert declared.groups == ("d", "c", "b", "a") and set(declared.group.tolist()) == {1, 2, 3}
    with pytest.raises(UsageError, match="group 'c' in 'site' is not among groups, which are a, b"):
        products_from(rows, **MODEL, group="site", groups=["a", "b"])


def test_units_travel_with_the_sums(rows) -> None:
    units = ["points", "1", "points", "years"]
    found = products_from(rows, **MODEL, units=units).products
    assert found.units == tuple(units)
    with pytest.raises(UsageError, match="they differ in units"):
        found + products_from(rows, **MODEL).products


def test_what_is_wrong_with_the_call_or_the_columns_is_said(rows, tmp_path) -> None:
    bad = {
        "unknown column 'bmi'|no column 'bmi'": MODEL | {"covariates": ["bmi"]},
        "column 'site' is String; expected numbers: .*'site\\[a\\]'": MODEL | {"covariates": ["site"]},
        "visits .*; expected each visit of the model once": MODEL | {"visits": ["m1", "m1"]},
        "engine 'spark'; expected one of arrow, duckdb": MODEL | {"engine": "spark"},
        "engine 'duckdb' is for Parquet files": MODEL | {"engine": "duckdb"},
        "other_visits 'keep'": MODEL | {"other_visits": "keep"},
        "are not distinct": MODEL | {"covariates": ["age@m1"], "time_varying": ["age"]},
        "expected a list of distinct names": MODEL | {"covariates": "age"},
    }
    for message, call in bad.items():
        with pytest.raises(UsageError, match=message):
            products_from(rows, **call)
    with pytest.raises(UsageError, match="3 rows without 'id'"):
        products_from(
            rows.with_columns(id=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("id")), **MODEL
        )
    with pytest.raises(UsageError, match="3 rows without 'visit'"):
        products_from(
            rows.with_columns(visit=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("visit")),
            **MODEL,
        )
    with pytest.raises(UsageError, match="the source has no rows"):
        products_from(rows[:0], **MODEL)
    with pytest.raises(UsageError, match="source is a int"):
        products_from(3, **MODEL)
    with pytest.raises(UsageError, match="arrays have shapes"):
        products_from({name: np.zeros(2 if name == "odi" else 3) for name in rows.columns}, **MODEL)


def test_a_path_that_is_no_parquet_file_is_an_error_of_the_file(tmp_path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.parquet: no Parquet file there"):
        products_from(tmp_path / "nowhere.parquet", **MODEL)
    with pytest.raises(FileError, match="no Parquet file there"):
        products_from(tmp_path, **MODEL)
    text = tmp_path / "text.parquet"
    text.write_text("id,visit\n")
    for engine in ("arrow", "duckdb"):
        with pytest.raises(FileError, match=r"text\.parquet"):
            products_from(text, **MODEL, engine=engine)


def test_duckdb_leaves_no_rows_of_patients_behind(rows, tmp_path, monkeypatch) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    path = as_parquet(rows, tmp_path)
    products_from(path, **MODEL, engine="duckdb")
    with pytest.raises(UsageError):
        products_from(path, **MODEL | {"visits": ["m1"]}, engine="duckdb")
    assert list(spill.iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"spill", "rows.parquet"}


def test_what_duckdb_spills_goes_to_a_folder_of_its_own(rows, tmp_path, monkeypatch) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    met = set()
    convert = streams._from_arrow
    monkeypatch.setattr(
        streams, "_from_arrow", lambda table: (met.update(spill.glob("armwise-*/*")), convert(table))[1]
    )
    copies = pl.concat([rows.with_columns(id=pl.col("id") + f"-{k}") for k in range(4000)])
    path = as_parquet(copies.sort("visit", "id"), tmp_path)
    found = products_from(path, **MODEL, engine="duckdb", memory_limit="70MB")
    assert found.products.n_subjects == 4000 * 60
    assert met, "this was meant to be more than the memory allowed"
    with pytest.raises(UsageError, match=r"cannot sort .* within memory_limit '5MB'; allow it more"):
        products_from(path, **MODEL, engine="duckdb", memory_limit="5MB")
    with pytest.raises(UsageError, match="memory_limit 'much'; expected a size"):
        products_from(path, **MODEL, engine="duckdb", memory_limit="much")
    assert list(spill.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        (
            "Out of Memory Error: failed to pin",
            UsageError,
            r"cannot sort .*rows\.parquet within memory_limit '1GB'",
        ),
        (
            "IO Error: No space left on device",
            FileError,
            r"rows\.parquet: DuckDB stopped: IO Error: No space left",
        ),
    ],
)
def test_what_stops_duckdb_in_the_middle_of_a_read_is_said(
    what, kind, message, rows, tmp_path, monkeypatch
) -> None:
    def stops(*_: Any) -> Any:
        yield rows[:10]
        raise OSError(what + "\n\nPossible solutions:")

    monkeypatch.setattr(streams, "_read_relation", stops)
    with pytest.raises(kind, match=message):
        products_from(as_parquet(rows, tmp_path), **MODEL, engine="duckdb")


def test_a_pandas_frame_with_its_own_kinds_of_columns_is_read(rows, expected) -> None:
    frame = rows.to_pandas()
    frame["id"], frame["visit"] = frame["id"].astype("string"), frame["visit"].astype("category")
    frame["arm"] = frame["arm"].astype("Int64")
    frame = pd.concat([frame, frame.tail(1).assign(visit="m1", odi=np.nan)], ignore_index=True)
    found = products_from(frame, **MODEL)
    agree(found, expected)
    assert found.dropped == {"odi": 1}
