from __future__ import annotations

from armwise.analysis.results import Results


def test_published_figures_are_rows_with_the_unit_of_what_they_stand_beside(reference: Results) -> None:
    rows = reference.rows(analysis="published")
    assert len(rows) == len(reference.protocol.published) > 0
    assert {r["role"] for r in rows} == {"external"}
    for r in rows:
        beside = reference.one(
            analysis="describe",
            endpoint=r["endpoint"],
            visit=r["visit"],
            arm=r["arm"],
            statistic=r["statistic"],
        )
        assert beside is not None
        assert r["unit"] == beside["unit"]
        assert r["reason"] in ("confirmed", "unconfirmed")
