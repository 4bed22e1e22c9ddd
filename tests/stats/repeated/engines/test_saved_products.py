"""Saved cross-products come back bit by bit; a file that is not what it should be is refused by what is wrong."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import designs
import numpy as np
import pytest

from armwise.errors import FileError
from armwise.stats.repeated.cross_products import CrossProducts, cross_products, moved
from armwise.stats.repeated.design import crossed_design
from armwise.stats.repeated.engines import saved_products
from armwise.stats.repeated.engines.saved_products import read_cross_products, save_cross_products
from armwise.stats.repeated.fitting import mmrm_cross_products
from armwise.stats.repeated.wide import Wide


def products_of(name: str = "single-subject patterns") -> CrossProducts:
    data = designs.IDENTIFIABLE[name]()
    n, m = data.y.shape
    u = np.column_stack([np.ones(n), *data.by_visit.values(), *data.overall.values()])
    names = ("1", *data.by_visit, *data.overall)
    groups = ("",) if data.group is None else ("bmc", "usual")
    visits = tuple(f"m{j}" for j in range(m))
    wide = Wide(visits, names, data.y, u, data.group, groups, data.weights)
    return cross_products(wide, units=("points", "1", "Punkte (0–100)", "years"))


def same(one: CrossProducts, other: CrossProducts) -> None:
    for name in ("visits", "covariates", "groups", "units", "n_empty", "n_withheld"):
        assert getattr(one, name) == getattr(other, name)
        assert type(getattr(one, name)) is type(getattr(other, name))
    for name in ("observed", "group", "n", "uu", "uy", "yy", "u_centre", "y_centre", "log_weights"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), name


@pytest.mark.parametrize("name", ["single-subject patterns", "weights", "groups", "mean a million SDs"])
def test_what_is_saved_comes_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    products = products_of(name)
    save_cross_products(products, tmp_path / "site.npz")
    same(products, read_cross_products(tmp_path / "site.npz"))


def test_counts_of_what_is_not_in_the_sums_travel_with_them(tmp_path: Path) -> None:
    products = replace(products_of().withhold(2), n_empty=3)
    save_cross_products(products, tmp_path / "site.npz")
    found = read_cross_products(tmp_path / "site.npz")
    assert (found.n_withheld, found.n_empty, found.n_subjects) == (14, 3, 60)


def test_sums_of_nobody_can_be_saved(tmp_path: Path) -> None:
    save_cross_products(products_of().withhold(1000), tmp_path / "none.npz")
    assert read_cross_products(tmp_path / "none.npz").n_subjects == 0


def test_two_sites_files_give_the_fit_of_both(tmp_path: Path) -> None:
    products = products_of()
    for k in range(2):
        save_cross_products(products, str(tmp_path / f"site{k}"))  # the name is kept as it is given
    found = read_cross_products(str(tmp_path / "site0")) + read_cross_products(str(tmp_path / "site1"))
    design = crossed_design(products.visits, ["arm", "baseline"], ["age"])
    fit, expected = (mmrm_cross_products(p, design) for p in (found, products + products))
    assert (fit.beta == expected.beta).all() and fit.loglik == expected.loglik


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.npz"
    save_cross_products(products_of(), path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saved_products.np, "savez_compressed", full)
    with pytest.raises(FileError, match=r"site\.npz: cannot be written: No space left"):
        save_cross_products(products_of("groups"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_sums_are_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_cross_products(products_of(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_that_is_missing_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"site\.npz: cannot be written"):
        save_cross_products(products_of(), tmp_path / "nowhere" / "site.npz")
    with pytest.raises(FileError, match=r"nothing\.npz: No such file"):
        read_cross_products(tmp_path / "nothing.npz")
    with pytest.raises(FileError, match="directory"):
        read_cross_products(tmp_path)


@pytest.mark.parametrize("text", [b"", b"subject,visit\n", b"PK\x03\x04 not a zip", pickle.dumps([1, 2])])
def test_a_file_of_another_kind_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(text)
    with pytest.raises(FileError, match="not a file of cross-products"):
        read_cross_products(tmp_path / "other")


def test_a_file_cut_short_or_with_a_wrong_byte_is_refused(tmp_path: Path) -> None:
    save_cross_products(products_of(), tmp_path / "good")
    data = (tmp_path / "good").read_bytes()
    for at in range(0, len(data), 97):
        (tmp_path / "cut").write_bytes(data[:at])
        with pytest.raises(FileError):
            read_cross_products(tmp_path / "cut")
        (tmp_path / "cut").write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with suppress(FileError):  # or the byte held no number and no name
            same(products_of(), read_cross_products(tmp_path / "cut"))


class Planted:
    def __reduce__(self) -> Any:
        return (open, ("planted", "w"))


def test_nothing_in_a_file_is_ever_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "evil.npz", head=np.array([Planted()], dtype=object))
    with pytest.raises(FileError, match="not a file of cross-products"):
        read_cross_products(tmp_path / "evil.npz")
    assert not (tmp_path / "planted").exists()


def test_a_file_that_claims_to_be_enormous_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_cross_products(products_of(), tmp_path / "site.npz")
    with zipfile.ZipFile(tmp_path / "site.npz") as archive:
        size = sum(member.file_size for member in archive.infolist())
    monkeypatch.setattr(saved_products, "MOST_BYTES", size - 1)
    with pytest.raises(FileError, match=f"it would take {size:,} bytes"):
        read_cross_products(tmp_path / "site.npz")


def changed(path: Path, head: dict[str, Any] | None = None, **arrays: Any) -> Path:
    """A file with some of its contents changed; None takes an array out."""
    with np.load(path) as found:
        contents = {name: found[name] for name in found.files}
    names = json.loads(bytes(contents.pop("head")).decode()) | (head or {})
    contents = {k: v for k, v in (contents | arrays).items() if v is not None}
    text = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    np.savez(path.with_suffix(".changed.npz"), head=text, **contents)
    return path.with_suffix(".changed.npz")


def with_value(array: Any, value: float, *at: int) -> Any:
    array = array.copy()
    array[at] = value
    return array


GOOD = products_of()
PATTERN = int(np.flatnonzero(~GOOD.observed[:, 0])[0])  # one that lacks the first visit

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"head": {"version": 2}}, "in version 2 of the format; this armwise reads version 1"),
    "another format": ({"head": {"format": "theirs"}}, "not a file of cross-products"),
    "no visits": ({"head": {"visits": []}}, "its names are not those"),
    "a name that is a number": ({"head": {"covariates": ["1", 2, "b", "c"]}}, "its names are not those"),
    "no constant": ({"head": {"covariates": ["one", "arm", "baseline", "age"]}}, "its names are not those"),
    "a count below zero": ({"head": {"n_withheld": -1}}, "its names are not those"),
    "a count that is true": ({"head": {"n_empty": True}}, "its names are not those"),
    "two covariates of one name": ({"head": {"covariates": ["1", "arm", "arm", "age"]}}, "are not distinct"),
    "a covariate more": ({"head": {"covariates": ["1", "arm", "baseline", "age", "x"]}}, "uu is float64 of shape"),
    "a unit less": ({"head": {"units": ["points"]}}, "1 units; expected 4, or none"),
    "an array less": ({"yy": None}, "it holds .*; expected .*yy"),
    "an array more": ({"patients": np.zeros(3)}, "it holds .*patients"),
    "a visit less": ({"uy": GOOD.uy[:, :, 1:]}, "uy is float64 of shape"),
    "numbers as text": ({"n": GOOD.n.astype(str)}, "n is <U"),
    "observed as numbers": ({"observed": GOOD.observed.astype(float)}, "observed is float64"),
    "not a number": ({"yy": with_value(GOOD.yy, np.nan, 0, 0, 0)}, "yy has numbers that are not finite"),
    "an infinite centre": ({"y_centre": with_value(GOOD.y_centre, np.inf, 1)}, "y_centre has numbers"),
    "half a subject": ({"n": with_value(GOOD.n, 1.5, 0)}, "expected whole numbers from 1"),
    "no subject": ({"n": with_value(GOOD.n, 0.0, 0)}, "expected whole numbers from 1"),
    "an unknown group": ({"group": GOOD.group + 1}, "a pattern is of a group that is not among the 1"),
    "a pattern of no visit": (
        {"observed": with_value(GOOD.observed, False, PATTERN, slice(None))}, "a pattern has no observed visit",
    ),
    "a pattern twice": ({"observed": with_value(GOOD.observed, GOOD.observed[1], 0)}, "a pattern is there twice"),
    "moments where nobody was": (
        {"uy": with_value(GOOD.uy, 1.0, PATTERN, 1, 0)}, "moments at a visit that it did not observe",
    ),
    "more subjects than the constant": ({"n": GOOD.n + 1}, "the sum of the constant is not the number"),
    "a centre of the constant": ({"u_centre": with_value(GOOD.u_centre, 1.0, 0)}, "the sum of the constant"),
    "a variance below zero": ({"uu": with_value(GOOD.uu, -1.0, -1, 2, 2)}, "the pattern m0, m1, m2, m3 are indefinite"),
    "a correlation above one": (
        {"yy": GOOD.yy * np.where(np.eye(4, dtype=bool), 1.0, 4.0)}, "are indefinite, which sums of squares never are",
    ),
    "an uneven matrix": ({"yy": with_value(GOOD.yy, GOOD.yy[-1, 0, 1] * 1.01, -1, 0, 1)}, "are indefinite"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_no_data_could_have_made_is_refused(name: str, tmp_path: Path) -> None:
    save_cross_products(GOOD, tmp_path / "site.npz")
    same(GOOD, read_cross_products(changed(tmp_path / "site.npz")))
    changes, message = WRONG[name]
    path = changed(tmp_path / "site.npz", **changes)
    with pytest.raises(FileError, match=f"^{re.escape(str(path))}: .*{message}"):
        read_cross_products(path)


def test_sums_moved_from_a_far_centre_are_still_read(tmp_path: Path) -> None:
    for name in ("single-subject patterns", "weights", "1 - rho = 1e-9"):
        products = products_of(name)
        far = moved(products, products.u_centre + np.array([0.0, 1, 30, 500]), products.y_centre - 1e3)
        save_cross_products(far, tmp_path / "far.npz")
        same(far, read_cross_products(tmp_path / "far.npz"))
        back = moved(far, products.u_centre, products.y_centre)
        save_cross_products(back, tmp_path / "back.npz")
        same(back, read_cross_products(tmp_path / "back.npz"))
