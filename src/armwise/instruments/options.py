"""An instrument's options: what was chosen, what is the default, and what must be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from armwise.errors import InstrumentError
from armwise.instruments.definition import Chosen, Instrument, Option, OptionValue, Rule
from armwise.instruments.reading import nearest


def choose(
    instrument: Instrument,
    options: Mapping[str, object] | None = None,
    scores: Iterable[str] | None = None,
) -> dict[str, OptionValue]:
    """The complete options: the given ones, checked, and the defaults of the others.

    Args:
        instrument: the instrument.
        options: option -> choice.
        scores: the scores that are wanted (all when None); an option that none of them uses need not be made.

    Returns:
        Option -> choice, for every option that is given or needed.

    Raises:
        InstrumentError: an unknown option or choice, or a required option that was not chosen.
    """
    given = dict(options or {})
    for name in given:
        if name not in instrument.options:
            todo = nearest(name, instrument.options) if instrument.options else "it has no options"
            raise InstrumentError(f'{instrument.id}: unknown option "{name}"; {todo}')
    wanted = tuple(instrument.scores if scores is None else (instrument.score(s) for s in scores))
    used = {name for score in wanted for name in options_of(score.rule)}
    complete: dict[str, OptionValue] = {}
    for name, option in instrument.options.items():
        if name in given:
            complete[name] = _checked(instrument, option, given[name])
        elif option.default is not None:
            complete[name] = option.default
        elif name in used:
            raise InstrumentError(
                f'{instrument.id}: the option "{name}" must be chosen, it has no default; '
                f"choose one of {_listed(option)}. {option.meaning}"
            )
    return complete


def options_of(rule: Rule) -> set[str]:
    """Names of the options that a rule follows."""
    parts = [rule.max_missing, rule.prorate, rule.column, rule.round, *rule.recode.values()]
    return {part.option for part in parts if isinstance(part, Chosen)}


def _checked(instrument: Instrument, option: Option, value: object) -> OptionValue:
    for choice in option.choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    words = [str(choice) for choice in option.choices]
    near = nearest(value, words) if isinstance(value, str) else ""
    expected = near if near.startswith("did") else f"expected one of {_listed(option)}"
    raise InstrumentError(f'{instrument.id}: the option "{option.name}" is "{value}"; {expected}')


def _listed(option: Option) -> str:
    return ", ".join("true" if c is True else "false" if c is False else str(c) for c in option.choices)
