from __future__ import annotations

from armwise.analysis.results import row
from armwise.report import cite


def test_a_number_carries_its_row_and_its_exact_value() -> None:
    made = row("risk", 0.325, n=40, analysis="describe", endpoint="x")
    shown = cite.estimate(made)
    assert f'data-row="{made["id"]}"' in shown
    assert 'value="0.325"' in shown
    assert ">33%<" in shown


def test_what_could_not_be_estimated_is_said_with_its_reason() -> None:
    made = row("risk", None, status="not estimable", reason='nobody answered "yes"')
    assert "not estimable" in cite.estimate(made)
    assert "nobody answered &#34;yes&#34;" in cite.estimate(made)


def test_parts_from_outside_are_escaped() -> None:
    assert cite.text("<b>{x}</b>", x="<script>") == "<b>&lt;script&gt;</b>"


def test_each_note_is_made_once_for_the_numbers_that_open_one() -> None:
    first, second = row("risk", 0.325, n=40, arm="a"), row("risk", 0.5, n=40, arm="b")
    page = cite.estimate(first, note=True) + cite.estimate(first, note=True) + cite.estimate(second)
    notes = cite.notes(page, [first, second])
    assert notes.count("<div popover") == 1
    assert f'id="n-{first["id"]}"' in notes
