"""Figures from outside, declared in the protocol, to be set beside the study's own."""

from __future__ import annotations

from collections.abc import Iterator

from armwise.analysis.results import Row, row
from armwise.derive.derived import Derived


def published(derived: Derived) -> Iterator[Row]:
    """The figures from outside that the protocol names, to be set beside the study's own."""
    for figure in derived.study.protocol.published:
        yield row(
            figure.statistic, figure.value, analysis="published", role="external", endpoint=figure.endpoint,
            visit=figure.visit, arm=figure.arm, method=figure.source, label=figure.label, reason=figure.status,
            unit=derived.unit_of(figure.endpoint),
        )  # fmt: skip
