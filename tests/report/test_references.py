from __future__ import annotations

from armwise.analysis.results import Results
from armwise.report.references import REFERENCES, used
from armwise.report.words import Words


def citations(results: Results) -> str:
    return "\n".join(used(results, Words.of(results)))


def test_only_the_methods_that_were_used_are_cited(two_arms: Results, trial: Results) -> None:
    assert "Li F, Morgan KL, Zaslavsky AM" in citations(two_arms)
    assert "Li F, Morgan KL, Zaslavsky AM" not in citations(trial)
    assert "TREND" in citations(two_arms)
    assert "TREND" not in citations(trial)
    assert "CONSORT 2025" in citations(trial)
    assert "Newcombe RG" not in citations(trial)


def test_each_work_is_listed_once_and_ends_with_a_full_stop() -> None:
    cited = [r.citation for r in REFERENCES]
    assert len(set(cited)) == len(cited)
    assert all(c.endswith(".") for c in cited)
