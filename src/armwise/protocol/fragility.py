"""How fragile the findings are, as `protocol.yaml` asks: which analyses are put to the test, and by what."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from armwise.protocol.section import Section

#: How many times as strong as a measured covariate an unmeasured one is taken to be, unless the protocol says.
STRENGTHS = (1.0, 2.0, 3.0)


class Fragility(Section):
    """What could overturn a finding: a confounder that was not measured, answers that are missing."""

    analyses: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    strengths: tuple[Annotated[float, Field(gt=0, le=100)], ...] = ()
    negative_controls: tuple[str, ...] = ()
    deltas: tuple[float, ...] = ()
