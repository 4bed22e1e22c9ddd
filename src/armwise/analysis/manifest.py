"""Where results come from: versions, and hashes of the inputs, of the protocol and of the results themselves."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
from typing import Any

from armwise.derive.derived import Derived
from armwise.study.study import Study

#: Libraries whose version can change a digit.
PACKAGES = ("numpy", "scipy", "polars", "narwhals", "pydantic")


def manifest(study: Study, derived: Derived, results_csv: str) -> dict[str, Any]:
    """Where the results come from: enough to make them again, and to see that nothing was changed."""
    import armwise

    protocol = study.protocol
    dumped = protocol.model_dump(mode="json")
    collected = {k: dumped[k] for k in ("arms", "visits", "forms")}
    plan = {k: v for k, v in dumped.items() if k not in collected}
    return {
        "study": protocol.study.id,
        "protocol_version": protocol.study.version,
        "simulated": study.simulated,
        "provenance": dict(study.provenance),
        "armwise": armwise.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "inputs": dict(study.hashes),
        "collection_hash": _hash(collected),
        "plan_hash": _hash(plan),
        "results_hash": hashlib.sha256(results_csv.encode()).hexdigest(),
        "scores": {ref: score.as_dict() for ref, score in derived.catalogue.items()},
    }


def _hash(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
