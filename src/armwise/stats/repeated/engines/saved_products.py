"""Cross-products as a file: what a site can send instead of its patients.

The file is a NumPy archive of plain numbers and one JSON text of names; nothing in it can run (no pickle). It is
checked when it is read, because it comes from elsewhere: a sum that no data could have made is refused.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armwise.errors import FileError
from armwise.stats.repeated.cross_products import MOST_VISITS, CrossProducts
from armwise.stats.repeated.design import CONSTANT

Floats = NDArray[np.float64]

FORMAT = "armwise cross-products"
VERSION = 1
NAMES = ("visits", "covariates", "groups", "units")
COUNTS = ("n_empty", "n_withheld")
NUMBERS = ("n", "uu", "uy", "yy", "u_centre", "y_centre")
#: Moments of scaled variables may be this far from positive semidefinite by rounding.
INDEFINITE = 1e-8
#: No archive of fewer than 48 visits needs more; what claims to be larger is not read into memory.
MOST_BYTES = 4 << 30


def save_cross_products(products: CrossProducts, path: str | Path) -> None:
    """Write cross-products to a file, whole or not at all.

    A pattern of one subject is that subject's record: see `CrossProducts.withhold`.

    Args:
        products: the sums.
        path: of the file, usually `*.npz`; an existing one is replaced.

    Raises:
        FileError: the folder is missing or cannot be written.
    """
    path = Path(path)
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    head |= {name: list(getattr(products, name)) for name in NAMES}
    head |= {name: int(getattr(products, name)) for name in COUNTS}
    arrays: dict[str, Any] = {name: np.asarray(getattr(products, name), dtype=np.float64) for name in NUMBERS}
    arrays["observed"] = products.observed
    arrays["group"] = np.asarray(products.group, dtype=np.int64)
    if products.log_weights is not None:
        arrays["log_weights"] = products.log_weights
    text = np.frombuffer(json.dumps(head, ensure_ascii=False).encode("utf-8"), dtype=np.uint8)
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                np.savez_compressed(file, head=text, **arrays)
                file.flush()
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}; choose another folder") from error


def read_cross_products(path: str | Path) -> CrossProducts:
    """Read cross-products that `save_cross_products` wrote.

    Args:
        path: of the file.

    Raises:
        FileError: missing, not such a file, of another version, or with contents that no data could have made.
    """
    path = Path(path)
    arrays = _arrays(path)
    head = _head(arrays.pop("head", None), path)
    wrong = _shapes(arrays, head) or _values(arrays, head) or _moments(arrays, head)
    if wrong:
        raise FileError(f"{path}: {wrong}; the file is damaged or was changed: ask for it again")
    parts: dict[str, Any] = {name: tuple(head[name]) for name in NAMES} | {
        name: head[name] for name in COUNTS
    }
    parts |= {name: np.ascontiguousarray(arrays[name], dtype=np.float64) for name in NUMBERS}
    group = arrays["group"].astype(np.intp)
    return CrossProducts(
        observed=arrays["observed"], group=group, log_weights=arrays.get("log_weights"), **parts
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}; expected a file of cross-products") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES:
            raise FileError(f"{path}: it would take {size:,} bytes of memory; no cross-products do")
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        EOFError,
        OSError,
        KeyError,
        NotImplementedError,
    ) as error:
        raise FileError(
            f"{path}: not a file of cross-products ({error}); expected one that armwise saved"
        ) from error


def _head(text: NDArray[Any] | None, path: Path) -> Mapping[str, Any]:
    try:
        head = (
            json.loads(bytes(text).decode("utf-8")) if text is not None and text.dtype == np.uint8 else None
        )
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise FileError(f"{path}: not a file of cross-products; expected one that armwise saved")
    if head.get("version") != VERSION:
        raise FileError(
            f"{path}: cross-products in version {head.get('version')!r} of the format; this armwise reads version "
            f"{VERSION}: use one armwise on both sides"
        )
    good = all(isinstance(head.get(k), list) and all(isinstance(v, str) for v in head[k]) for k in NAMES)
    good = good and all(type(head.get(k)) is int and head[k] >= 0 for k in COUNTS)
    if not good or not 0 < len(head["visits"]) <= MOST_VISITS or head["covariates"][:1] != [CONSTANT]:
        raise FileError(
            f"{path}: its names are not those of cross-products; expected a file that armwise saved"
        )
    return head


def _shapes(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> str:
    """What is wrong with the arrays' names, kinds and shapes; empty if nothing is."""
    m, d = len(head["visits"]), len(head["covariates"])
    D = m * d if "log_weights" in arrays else d
    P = len(arrays["n"]) if "n" in arrays and arrays["n"].ndim == 1 else 0
    expected: dict[str, tuple[int, ...]] = {
        "observed": (P, m), "group": (P,), "n": (P,), "uu": (P, D, D), "uy": (P, D, m), "yy": (P, m, m),
        "u_centre": (d,), "y_centre": (m,),
    }  # fmt: skip
    if "log_weights" in arrays:
        expected["log_weights"] = (P,)
    if set(arrays) != set(expected):
        return f"it holds {', '.join(sorted(arrays))}; expected {', '.join(sorted(expected))}"
    for name, shape in expected.items():
        kind = "b" if name == "observed" else "i" if name == "group" else "f"
        found = arrays[name]
        if found.shape != shape or found.dtype.kind != kind:
            return f"{name} is {found.dtype} of shape {found.shape}; expected shape {shape} and kind {kind}"
    repeated = [name for name in ("visits", "covariates", "groups") if len(set(head[name])) < len(head[name])]
    if repeated:
        return f"{repeated[0]} {head[repeated[0]]} are not distinct"
    if head["units"] and len(head["units"]) != d:
        return f"{len(head['units'])} units; expected {d}, or none"
    return ""


def _values(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> str:
    """What is wrong with the numbers; empty if nothing is."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{name} has numbers that are not finite"
    n, observed, group = arrays["n"], arrays["observed"], arrays["group"]
    if ((n < 1) | (n != np.floor(n))).any():
        return f"numbers of subjects {n.tolist()[:5]}; expected whole numbers from 1"
    if ((group < 0) | (group >= len(head["groups"]))).any():
        return f"a pattern is of a group that is not among the {len(head['groups'])} named"
    if not observed.any(axis=1).all():
        return "a pattern has no observed visit"
    if len(np.unique(np.column_stack([observed, group]), axis=0)) < len(n):
        return "a pattern is there twice"
    away = ~observed
    if arrays["uy"].transpose(0, 2, 1)[away].any() or arrays["yy"][away].any():
        return "a pattern has moments at a visit that it did not observe"
    if arrays["u_centre"][0] != 0 or ("log_weights" not in arrays and (arrays["uu"][:, 0, 0] != n).any()):
        return "the sum of the constant is not the number of subjects"
    return ""


def _moments(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> str:
    """Whether the moments of some pattern are not those of any data; empty if all can be."""
    uu, uy, yy = arrays["uu"], arrays["uy"], arrays["yy"]
    M = np.concatenate(
        [np.concatenate([uu, uy], axis=2), np.concatenate([uy.transpose(0, 2, 1), yy], axis=2)], axis=1
    )
    size = np.sqrt(np.maximum(np.einsum("pii->pi", M), 0.0))
    size[size == 0] = 1.0
    scaled = M / size[:, :, None] / size[:, None, :]
    uneven = np.abs(scaled - scaled.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
    least = np.linalg.eigvalsh(scaled)[:, 0] if len(M) else np.zeros(0)
    wrong = np.flatnonzero((uneven > INDEFINITE) | (least < -INDEFINITE))
    if not len(wrong):
        return ""
    visits = [v for v, seen in zip(head["visits"], arrays["observed"][wrong[0]], strict=True) if seen]
    return f"the moments of the pattern {', '.join(visits)} are indefinite, which sums of squares never are"
