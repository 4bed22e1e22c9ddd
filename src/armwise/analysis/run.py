"""A study -> its results: everything the protocol asks for, in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from armwise.analysis.anchor import anchor
from armwise.analysis.associations import associations
from armwise.analysis.baseline import baseline
from armwise.analysis.cell_product import cell_product
from armwise.analysis.compare import Compared, compare
from armwise.analysis.describe import crosstab, describe, distribution, impossible
from armwise.analysis.detectable import detectable
from armwise.analysis.effect_modification import effect_modification
from armwise.analysis.exposure import exposure
from armwise.analysis.flow import completion, flow
from armwise.analysis.fragility import fragility
from armwise.analysis.imaging import imaging
from armwise.analysis.intercurrent_events import intercurrent_events
from armwise.analysis.manifest import manifest
from armwise.analysis.medication import medication
from armwise.analysis.multiplicity import multiplicity
from armwise.analysis.overlap import overlap
from armwise.analysis.planned import judged, stamped
from armwise.analysis.published import published
from armwise.analysis.results import Results, Row, exclusions_table, table
from armwise.analysis.safety import safety
from armwise.analysis.sites import sites
from armwise.analysis.thresholds import thresholds
from armwise.derive.derived import derive
from armwise.errors import StudyError
from armwise.study.study import Study


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
    problems = [*study.problems, *derived.problems]
    primary: Compared | None = None
    for name, analysis in protocol.analyses.items():
        progress(f"analysis {name}")
        made = compare(derived, name, analysis)
        rows += made.rows
        lost += made.lost
        problems += made.problems
        if analysis.role == "primary" and primary is None:
            primary = made
    rows += multiplicity(protocol, rows)
    progress("tables and figures")
    rows += flow(derived, primary.used if primary else {})
    rows += baseline(derived, primary.weights if primary else None)
    if primary is not None:
        rows += overlap(primary.comparison)
        rows += sites(derived, primary.comparison)
    for part in (describe, distribution, crosstab, impossible, completion, detectable, published):
        rows += part(derived)
    rows += intercurrent_events(derived)
    rows += safety(derived)
    rows += fragility(derived, rows)
    rows += imaging(derived)
    rows += effect_modification(derived, rows)
    for part in (cell_product, associations, thresholds, anchor, medication, exposure):
        rows += part(derived)
    verdict = judged(derived)
    made_table = table([*stamped(rows, verdict), *verdict.rows])
    return Results(
        table=made_table,
        protocol=protocol,
        protocol_text=study.protocol_text,
        problems=tuple(dict.fromkeys(problems)),
        exclusions=exclusions_table(lost),
        manifest={**manifest(study, derived, made_table.write_csv()), "lock": dict(verdict.facts)},
    )
