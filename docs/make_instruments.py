"""Writes the part of docs/instruments.md that comes from the definitions: run after a definition has changed.

python docs/make_instruments.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from armwise.instruments import MCID, Instrument, Item, Option, ScoreDef, load, names
from armwise.instruments.definition import Chosen, Rule
from armwise.instruments.value_sets import SHIPPED, values

PAGE = Path(__file__).with_name("instruments.md")
BEGIN = "<!-- made by docs/make_instruments.py: begin -->"
END = "<!-- made by docs/make_instruments.py: end -->"


def main() -> int:
    """Renew the page, or with --check say whether it is up to date."""
    text = PAGE.read_text(encoding="utf-8")
    renewed = renew(text)
    if "--check" in sys.argv[1:]:
        return int(renewed != text)
    PAGE.write_text(renewed, encoding="utf-8")
    return 0


def renew(text: str) -> str:
    """The page with its made part made again."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    parts = [overview(), *(section(load(name)) for name in names())]
    return before + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + after


def number(value: float) -> str:
    """A number as people read it, with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def overview() -> str:
    """One row an instrument."""
    rows = []
    for name in names():
        instrument = load(name)
        scores = ", ".join(f"`{name}.{one.name}`" for one in instrument.scores)
        required = ", ".join(f"`{option.name}`" for option in instrument.options.values() if option.required)
        rows.append(
            [f"[`{name}`](#{name})", instrument.title, str(len(instrument.items)), scores, required or "none"]
        )
    return table(["name", "instrument", "items", "scores", "options that must be chosen"], rows)


def section(instrument: Instrument) -> str:
    """Everything that a definition says, in words."""
    parts = [
        f"## {instrument.id}",
        f"**{instrument.title}**, version {instrument.version}; asks about: {instrument.recall}. "
        + instrument.description,
        table(["item", "label", "answer"], [_item(item, instrument) for item in instrument.items]),
        table(
            ["score", "what", "range", "better", "how", "missing items"],
            [_score(instrument, one) for one in instrument.scores],
        ),
    ]
    if instrument.options:
        options = [_option(option) for option in instrument.options.values()]
        parts.append(table(["option", "choices", "unless chosen", "meaning"], options))
    if instrument.mcids:
        head = ["MCID of", "at least", "population", "source", "status"]
        parts.append(table(head, [_mcid(instrument, mcid) for mcid in instrument.mcids]))
    else:
        parts.append("No MCID is recorded for it.")
    if any(one.rule.value_set for one in instrument.scores):
        parts.append(_value_sets())
    parts.append(f"Licence: {instrument.licence}")
    parts.append(f"Notice: {instrument.notice}")
    sources = (
        s.citation if s.status == "confirmed" else f"{s.citation} (unconfirmed)" for s in instrument.sources
    )
    parts.append("Sources: " + "; ".join(sources) + ".")
    return "\n\n".join(parts)


def _item(item: Item, instrument: Instrument) -> list[str]:
    notes = [item.answers]
    if item.recall != instrument.recall:
        notes.append(str(item.recall))
    if item.optional:
        notes.append("column may be absent")
    if item.if_applicable:
        notes.append("if applicable")
    return [f"`{item.code}`", item.label, "; ".join(notes)]


def _score(instrument: Instrument, one: ScoreDef) -> list[str]:
    name = f"`{instrument.id}.{one.name}`"
    better = "higher" if one.higher_is_better else "lower"
    span = f"{number(one.lo)} to {number(one.hi)} ({one.unit})"
    return [name, one.label, span, better, in_words(instrument, one.rule), one.missing]


def in_words(instrument: Instrument, rule: Rule) -> str:
    """A rule as a phrase."""
    whole = rule.items == tuple(item.code for item in instrument.items)
    items = "all items" if whole and len(rule.items) > 1 else ", ".join(f"`{code}`" for code in rule.items)
    phrase = {
        "sum": f"sum of {items}",
        "mean": f"mean of {items}",
        "percent_of_maximum": f"sum of {items}, per cent of its maximum",
        "single": f"the answer of {items}",
        "value_set": f"value of the state given by {items}",
    }[rule.name]
    for code, recode in rule.recode.items():
        phrase += f"; `{code}` " + _recode(recode)
    if rule.lookup is not None:
        low, high = min(rule.lookup), max(rule.lookup)
        ends = f"{number(low)} gives {number(rule.lookup[low])}, {number(high)} gives {number(rule.lookup[high])}"
        phrase += f"; looked up: {ends}"
    return phrase


def _recode(recode: object) -> str:
    if isinstance(recode, Chosen):
        cases = recode.cases or {}
        words = [
            f"{'kept' if v == 'keep' else 'reversed'} where `{recode.option}` is {_choice(k)}"
            for k, v in cases.items()
        ]
        return ", ".join(words)
    if isinstance(recode, dict):
        return "recoded " + ", ".join(f"{number(a)} to {number(v)}" for a, v in recode.items())
    return "reversed" if recode == "reverse" else "kept"


def _choice(choice: object) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _option(option: Option) -> list[str]:
    choices = [_choice(choice) for choice in option.choices]
    shown = ", ".join(choices) if len(choices) <= 12 else f"one of {len(choices)}, listed below"
    default = "**must be chosen**" if option.required else _choice(option.default)
    meaning = option.meaning + (" (unconfirmed)" if option.status == "unconfirmed" else "")
    return [f"`{option.name}`", shown, default, meaning]


def _mcid(instrument: Instrument, mcid: MCID) -> list[str]:
    kind = "points" if mcid.kind == "points" else "% of baseline"
    source = mcid.citation + (f" ({mcid.note})" if mcid.note else "")
    return [
        f"`{instrument.id}.{mcid.score}`",
        f"{number(mcid.value)} {kind}",
        mcid.population,
        source,
        mcid.status,
    ]


def _value_sets() -> str:
    """The table of value sets, from the file that says what each column is."""
    about = yaml.safe_load((SHIPPED / "eq5d3l.yaml").read_text(encoding="utf-8"))
    rows = []
    for name, one in about.items():
        found = values("eq5d3l.csv", "eq5d3l.yaml", name, 3)
        note = f"; {one['note']}" if "note" in one else ""
        worst = number(found[33333])
        rows.append(
            [f"`{name}`", one["label"], one["technique"], number(found[11111]), worst, one["citation"] + note]
        )
    said = (
        "The identifiers are those that the R package eq5d records for each set; its index values, not the "
        "publications, were read for armwise. The tests work out every set a second time from its published form."
    )
    return said + "\n\n" + table(["value_set", "country", "technique", "11111", "33333", "source"], rows)


if __name__ == "__main__":
    sys.exit(main())
