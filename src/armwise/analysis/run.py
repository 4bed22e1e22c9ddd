"""A study -> its results: everything the protocol asks for, in one table."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from armwise.analysis.baseline import baseline
from armwise.analysis.compare import compare
from armwise.analysis.describe import crosstab, describe, distribution, impossible
from armwise.analysis.flow import completion, flow
from armwise.analysis.multiplicity import multiplicity
from armwise.analysis.results import Results, Row, exclusions_table, row, table
from armwise.derive.derived import Derived, derive
from armwise.errors import StudyError, UsageError
from armwise.stats import detectable_mean_difference, detectable_risk_difference
from armwise.study.study import Study

#: Libraries whose version can change a digit.
PACKAGES = ("numpy", "scipy", "polars", "narwhals", "pydantic")


def analyse(study: Study, *, progress: Callable[[str], None] = lambda _: None) -> Results:
    """Runs every analysis of the protocol on a study.

    Args:
        study: as `load_study` gives it.
        progress: told what is being done, for long work.

    Returns:
        The results: `results.write(folder)` keeps them, `armwise.report(results)` shows them.

    Raises:
        StudyError: the data hold errors; all of them are in `problems`.
    """
    if study.errors:
        count = len(study.errors)
        raise StudyError(
            f"{study.folder}: {count} error{'s' * (count != 1)} in the data stop the run", study.errors
        )
    protocol = study.protocol
    progress("scores and endpoints")
    derived = derive(study)
    rows: list[Row] = []
    lost: list[dict[str, Any]] = list(derived.left_out)
    analysed: dict[str, int] = {}
    for name, analysis in protocol.analyses.items():
        progress(f"analysis {name}")
        made, left_out, used = compare(derived, name, analysis)
        rows += made
        lost += left_out
        if analysis.role == "primary" and not analysed:
            analysed = used
    rows += multiplicity(protocol, rows)
    progress("tables and figures")
    rows += flow(derived, analysed)
    for part in (baseline, describe, distribution, crosstab, impossible, completion, detectable, published):
        rows += part(derived)
    made_table = table(rows)
    return Results(
        table=made_table,
        protocol=protocol,
        protocol_text=study.protocol_text,
        problems=tuple(dict.fromkeys((*study.problems, *derived.problems))),
        exclusions=exclusions_table(lost),
        manifest=manifest(study, derived, made_table.write_csv()),
    )


def detectable(derived: Derived) -> Iterator[Row]:
    """The smallest true difference that the planned study finds: from its planned size, never the observed effect."""
    protocol = derived.study.protocol
    size, reference = protocol.size, protocol.reference
    planned = {name: arm.planned for name, arm in protocol.arms.items() if arm.planned is not None}
    if size is None or reference not in planned:
        return
    if size.sd is not None:
        method, given = "two-sided t test", f"SD {size.sd:g}"
    else:
        method, given = "two-sided test of two proportions", f"{size.risk:.0%} in the reference arm"
    reason = f"planned size; {given}" + (f" ({size.source})" if size.source else "")
    for arm in planned:
        if arm == reference:
            continue
        sizes = (planned[arm], planned[reference])
        try:
            found = (
                detectable_mean_difference(*sizes, size.sd, size.power, size.alpha)
                if size.sd is not None
                else detectable_risk_difference(*sizes, size.risk or 0.0, size.power, size.alpha)
            )
            why = reason if found is not None else f"{reason}; no difference is found with this power"
        except UsageError as error:
            found, why = None, str(error)
        yield row(
            "detectable difference", found, at=size.power, at2=size.alpha, n_arm=sizes[0], n_versus=sizes[1],
            analysis="detectable", role="descriptive", endpoint=size.endpoint, arm=arm, versus=reference,
            unit=derived.unit_of(size.endpoint), method=method, reason=why,
            status="ok" if found is not None else "not estimable",
        )  # fmt: skip


def published(derived: Derived) -> Iterator[Row]:
    """The figures from outside that the protocol names, to be set beside the study's own."""
    for figure in derived.study.protocol.published:
        yield row(
            figure.statistic, figure.value, analysis="published", role="external", endpoint=figure.endpoint,
            visit=figure.visit, arm=figure.arm, method=figure.source, label=figure.label, reason=figure.status,
            unit=derived.unit_of(figure.endpoint),
        )  # fmt: skip


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
