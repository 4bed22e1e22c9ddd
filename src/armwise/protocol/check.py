"""What a well-formed protocol may still get wrong: references that lead nowhere, analyses that cannot be.

Each check is a function of the protocol that yields (path of the key, what, what to do[, severity]); `check` gives
them their lines. Names that stand in the file but could not be built count as known: their own mistake is
already in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from armwise.errors import Problem, Severity
from armwise.protocol.check_associations import associations, modifiers
from armwise.protocol.check_cell_product import cell_product
from armwise.protocol.check_collection import arms, forms, time_zero, visits
from armwise.protocol.check_fragility import fragility
from armwise.protocol.check_imaging import imaging
from armwise.protocol.check_imputation import imputation
from armwise.protocol.check_meaning import meaning
from armwise.protocol.check_medication import medication
from armwise.protocol.check_plan import ALSO as ALSO
from armwise.protocol.check_plan import analyses, covariates, endpoints, estimands, families, outside
from armwise.protocol.check_responders import responders
from armwise.protocol.check_safety import safety
from armwise.protocol.check_treatments import treatments
from armwise.protocol.known import BUILT_IN as BUILT_IN
from armwise.protocol.known import RESERVED as RESERVED
from armwise.protocol.known import Known
from armwise.protocol.model import Protocol
from armwise.protocol.scores import scores_of
from armwise.yaml_lines import Lines, dotted, line_of


def check(
    protocol: Protocol, data: Any, lines: Lines, file: Path, found: Sequence[Problem] = ()
) -> list[Problem]:
    """Every mistake and warning in the protocol's references.

    Args:
        protocol: the protocol as built (what could not be built is absent).
        data: the file's data, for the names of what is absent.
        lines: the line of every key.
        file: the file; instruments of one's own are looked for beside it.
        found: the mistakes of form that are in the list already.
    """
    broken = {(where[0], where[1]) for p in found if len(where := p.column.split(".")) > 1}
    known = Known(data if isinstance(data, dict) else {}, broken, file.parent)
    scores = scores_of(protocol, file.parent)
    problems = []
    for finding in (
        *arms(protocol),
        *time_zero(protocol, known),
        *visits(protocol),
        *forms(protocol, known),
        *covariates(protocol, known, scores),
        *endpoints(protocol, known, scores),
        *estimands(protocol, known),
        *analyses(protocol, known),
        *families(protocol, known),
        *outside(protocol, known, scores),
        *meaning(protocol, scores),
        *imaging(protocol, known),
        *medication(protocol, known),
        *treatments(protocol, known),
        *imputation(protocol, known, scores),
        *cell_product(protocol, known, scores),
        *associations(protocol, known, scores),
        *modifiers(protocol, known, scores),
        *safety(protocol, known),
        *fragility(protocol, known),
        *responders(protocol, known, scores),
    ):
        path, what, todo = finding[:3]
        severity: Severity = finding[3] if len(finding) == 4 else "error"
        # An entry with a mistake was built without it: only what stands there, a name, can still be judged.
        damaged = known.broken(str(path[0]), str(path[1]) if len(path) > 1 else None)
        if not damaged or what.startswith("unknown "):
            problems.append(Problem(severity, file.name, line_of(lines, path), dotted(path), what, todo))
    return problems
