from __future__ import annotations

import re
from pathlib import Path

import pytest

from armwise.errors import FileError, ProtocolError
from armwise.protocol.load import load_protocol
from armwise.simulate import load_assumptions


def problems(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """The mistakes after replacing texts of the headache study's assumptions.yaml."""
    file = folder / "assumptions.yaml"
    text = file.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file.write_text(text)
    with pytest.raises(ProtocolError) as caught:
        load_assumptions(folder, load_protocol(folder))
    return [str(p) for p in caught.value.problems]


def test_the_examples_assumptions_load(reference, headache):
    assert reference.assumptions.size.per_arm == {"bmc": 40, "control": 40}
    assert headache.assumptions.outcomes["diary.days"].table("means")["high", "w12"] == 6


MISTAKES = {
    "an unknown arm": (
        ("per_arm: {placebo: 60, low: 30", "per_arm: {placebo: 60, lo: 30"),
        r"assumptions.yaml:2 \(size.per_arm.lo\): unknown arm `lo`; did you mean `low`",
    ),
    "an arm without a size": (
        ("placebo: 60, low: 30, ", "placebo: 60, "),
        r"assumptions.yaml:2 \(size.per_arm\): nothing for arm low",
    ),
    "an unknown score": (
        ("  impact.total:", "  impact.totl:"),
        r"assumptions.yaml:19 \(outcomes.impact.totl\): unknown score `impact.totl`; did you mean `impact.total`",
    ),
    "a visit that is not there": (
        ("w4: 10, w12: 9", "w4: 10, w13: 9"),
        r"unknown visit after baseline `w13`; did you mean `w12`",
    ),
    "a visit without a mean": (
        ("w4: 10, w12: 9", "w4: 10"),
        r"outcomes.diary.days.means\): nothing for placebo at w12",
    ),
    "a mean given twice": (
        ("arm: low, values: {w4: 9", "arm: high, values: {w4: 9"),
        r"high at w4 stands here twice",
    ),
    "an SD of zero": (
        ("arm: low, values: {w4: 3, w12: 4}", "arm: low, values: {w4: 0, w12: 4}"),
        r"found 0 \(low, w4\); an SD is larger",
    ),
    "an effect of nothing": (("effects: {aura.with: 1}", "effects: {aura: 1}"), r"unknown covariate `aura`"),
    "a covariate that the form has not": (
        ("  age: {kind", "  agee: {kind"),
        r"unknown item of the form subjects `agee`; did you mean `age`",
    ),
    "a category that is no choice": (("shares: {with: 0.3", "shares: {wth: 0.3"), r"unknown choice `wth`"),
    "shares that do not add up": (("{with: 0.3,", "{with: 0.4,"), r"the shares add up to 1.1, expected 1"),
    "choice in a randomised study": (
        ("allocation: {kind: random, blocks: 2,", "allocation: {kind: chosen, log_odds: {low: {age: 1}},"),
        r"allocation.kind\): found `chosen`, but the protocol's arms are randomised; write `kind: random`",
    ),
    "correlations that cannot be": (
        ("{w12: {w4: 0.6}}", "{w12: {w4: 1.2}}"),
        r"correlations.visits.w12.w4\): found 1.2; a correlation of two different things, between -1 and 1",
    ),
    "an event that the protocol has not": (("event: left", "event: gone"), r"unknown event `gone`"),
    "a form without numbers": (
        ("tables:\n  blood:", "tables:\n  blod:"),
        r"nothing for the form `blood`, so its table would be empty",
    ),
    "an item that the form has not": (
        ("items: {sodium: {mean", "items: {natrium: {mean"),
        r"unknown item `natrium`",
    ),
    "a block without a status": (
        ("blocks: 2, status: assumed,", "blocks: 2,"),
        r"the key `status` is missing",
    ),
    "a status that is a guess": (
        ("blocks: 2, status: assumed", "blocks: 2, status: likely"),
        r"found `likely`, expected one of confirmed, assumed",
    ),
    "an empty source": (
        ("blocks: 2, status: assumed, source: a test", 'blocks: 2, status: assumed, source: ""'),
        r"allocation.source",
    ),
    "a key that does not exist": (("blocks: 2,", "block: 2,"), r"unknown key `block`"),
    "an exception in a confirmed block": (
        ("blocks: 2, status: assumed,", "blocks: 2, status: confirmed, confirmed: {blocks: a paper},"),
        r"here the whole block is confirmed",
    ),
    "an exception that names nothing": (
        ("blocks: 2, status: assumed,", "blocks: 2, status: assumed, confirmed: {blokcs: a paper},"),
        r"`confirmed` names `blokcs`, which is not in this block",
    ),
    "a subject number without a number": (
        ("sites: {N: 2, S: 1}", 'sites: {N: 2, S: 1}, subject: "{site}"'),
        r"enrolment.subject\): found `\{site\}`: patients would not have numbers of their own",
    ),
    "a pattern of what is not known": (
        ("sites: {N: 2, S: 1}", 'sites: {N: 2, S: 1}, subject: "{centre}-{number}"'),
        r"enrolment.subject\): found `\{centre\}-\{number\}`",
    ),
    "a wait where time zero is the enrolment": (
        ("sites: {N: 2, S: 1}", "sites: {N: 2, S: 1}, days_to_time_zero: {low: [1, 3]}"),
        r"days_to_time_zero.low\): the protocol's time zero of this arm is the enrolment itself",
    ),
    "a number where the item has choices": (
        (
            "aura: {kind: category, shares: {with: 0.3, without: 0.7},",
            "aura: {kind: normal, mean: 1, sd: 1, range: [0, 1],",
        ),
        r"covariates.aura.kind\): found `normal`, but the item is of type choice; write `kind: category`",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_its_place_and_what_to_do(copy_of, name):
    change, message = MISTAKES[name]
    found = problems(copy_of, change)
    assert any(re.search(message, text) for text in found), found


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(copy_of):
    names = [
        "an unknown arm",
        "shares that do not add up",
        "an effect of nothing",
        "an event that the protocol has not",
    ]
    found = problems(copy_of, *(MISTAKES[name][0] for name in names))
    for name in names:
        assert any(re.search(MISTAKES[name][1], text) for text in found), (name, found)
    rows = [int(re.match(r"assumptions.yaml:(\d+)", text)[1]) for text in found]
    assert rows == sorted(rows)


def test_a_slip_in_a_section_that_must_be_there_hides_none_in_the_others(copy_of):
    found = problems(
        copy_of,
        ("kind: random", "kind: rndom"),
        ("kind: measures", "kind: measure"),
        ("seed: {value: 5, note: any}", "seed: {value: 5}"),
        ("first: 2020-01-01", "first: January"),
        ("event: left", "event: gone"),
    )
    expected = [
        r"\(seed.note\): the key `note` is missing",
        r"\(enrolment.first\): found `January`, expected a date",
        r"\(allocation\): found kind `rndom`, expected one of chosen, random",
        r"\(missing.dropout.event\): unknown event `gone`",
        r"\(tables.blood\): found kind `measure`, expected one of measures, sites, doses, impressions, "
        r"yes-no, adverse-events",
    ]
    assert len(found) == len(expected), found
    for text, message in zip(found, expected, strict=True):
        assert re.search(message, text), text


def test_a_block_that_is_wrong_in_itself_is_not_reported_as_lacking_too(copy_of):
    found = problems(
        copy_of,
        (
            "    means:\n      - {arm: placebo, values: {w4: 10",
            "    menas:\n      - {arm: placebo, values: {w4: 10",
        ),
    )
    assert not any("nothing for the form" in text for text in found), found


def test_two_scores_that_share_items_are_refused(copy_of):
    file = copy_of / "instruments" / "impact.yaml"
    text = file.read_text()
    more = """  half:
    label: Half
    range: [2, 10]
    higher_is_better: false
    decimals: 1
    unit: points
    rule: sum
    items: [impact_1, impact_2]
    missing: Both items are needed.
"""
    file.write_text(text.replace("licence:", more + "licence:"))
    outcome = re.search(r"  impact\.total:\n(?:    .*\n)+", (copy_of / "assumptions.yaml").read_text())[0]
    found = problems(copy_of, (outcome, outcome + outcome.replace("impact.total", "impact.half")))
    assert any("its item `impact_1` is drawn for `impact.total` already" in text for text in found), found


def test_correlations_that_cannot_be_had_together_are_refused(reference):
    from armwise.simulate.check import check

    pairs = {"m3": {"m1": 0.9}, "m6": {"m1": -0.9, "m3": 0.9}}
    broken = reference.assumptions.model_copy(
        update={"correlations": reference.assumptions.correlations.model_copy(update={"visits": pairs})}
    )
    sections = {name: dict.fromkeys(getattr(broken, name)) for name in ("outcomes", "tables")}
    data = {**sections, "covariates": {n: c.model_dump() for n, c in broken.covariates.items()}}
    found = check(broken, reference.protocol, data, {(): 1}, reference.folder / "assumptions.yaml")
    assert ["not positive definite" in p.what for p in found] == [True]


def test_days_to_time_zero_must_fit_the_baselines_window(reference, tmp_path):
    text = (reference.folder / "assumptions.yaml").read_text()
    file = tmp_path / "assumptions.yaml"
    file.write_text(text.replace("{bmc: [5, 21]}", "{bmc: [5, 45]}"))
    with pytest.raises(
        ProtocolError, match="up to 45 days, but the baseline's window opens 30 days before time zero"
    ):
        load_assumptions(file, reference.protocol)


def test_grades_and_words_must_be_those_of_the_form(reference, tmp_path):
    text = (reference.folder / "assumptions.yaml").read_text()
    file = tmp_path / "assumptions.yaml"
    file.write_text(
        text.replace("L3-L4: {2: 0.15,", "L3-L4: {7: 0.15,").replace(
            "serious: 0.015", "serious: 0.015\n    serious_words: [Y, N]"
        )
    )
    with pytest.raises(ProtocolError) as caught:
        load_assumptions(file, reference.protocol)
    said = [p.what for p in caught.value.problems]
    assert said == ["unknown category `7`", "the form's item `serious` has no choice `Y`, `N`"]


def test_the_words_of_an_adverse_event_must_be_those_of_the_form(reference, tmp_path):
    text = (reference.folder / "assumptions.yaml").read_text()
    file = tmp_path / "assumptions.yaml"
    words = "\n    related_words: [a, treatment, b]\n    outcome_words: [recovered, c]"
    file.write_text(text.replace("recovered: 0.95", f"recovered: 0.95{words}"))
    with pytest.raises(ProtocolError) as caught:
        load_assumptions(file, reference.protocol)
    assert [p.what for p in caught.value.problems] == [
        "the form's item `related` has no choice `a`, `b`",
        "the form's item `outcome` has no choice `c`",
    ]


def test_a_missing_file_says_what_it_would_be(tmp_path, headache):
    with pytest.raises(FileError, match=r"no such file; the simulator draws from an assumptions.yaml"):
        load_assumptions(tmp_path, headache.protocol)
