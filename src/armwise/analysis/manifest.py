"""Where results come from: versions, and hashes of the inputs, of the protocol and of the results themselves."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from typing import Any

from armwise.derive.derived import Derived
from armwise.protocol.canonical import collection, digest, plan
from armwise.protocol.lock import FILE as LOCK
from armwise.study.study import Study

#: Libraries whose version can change a digit.
PACKAGES = ("numpy", "scipy", "polars", "narwhals", "pydantic")


def manifest(study: Study, derived: Derived, results_csv: str) -> dict[str, Any]:
    """Where the results come from: enough to make them again, and to see that nothing was changed."""
    import armwise

    protocol = study.protocol
    lock = study.folder / LOCK
    locked = {LOCK: hashlib.sha256(lock.read_bytes()).hexdigest()} if lock.is_file() else {}
    return {
        "study": protocol.study.id,
        "protocol_version": protocol.study.version,
        "simulated": study.simulated,
        "provenance": dict(study.provenance),
        "armwise": armwise.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "inputs": {**study.hashes, **locked},
        "collection_hash": digest(collection(protocol, study.folder)),
        "plan_hash": digest(plan(protocol)),
        "results_hash": hashlib.sha256(results_csv.encode()).hexdigest(),
        "scores": {ref: score.as_dict() for ref, score in derived.catalogue.items()},
    }
