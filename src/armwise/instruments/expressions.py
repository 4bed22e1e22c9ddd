"""A score's rule as dataframe expressions, in stages.

1. For each set of items: are all answers in range, are they whole, how many are there, and their sum.
   These are columns of their own, because a large sub-expression used twice is worked out twice.
2. The row's status as a small number, 0 where it can be scored.
3. The score where the status is 0, and the status in words.

Null, NaN and "out of range" end in one place, the status. No result relies on how an engine carries a
null through arithmetic: a sum that allows for missing answers counts them as 0 before it adds, any other is
used only where every answer is there.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import narwhals as nw

from armwise.instruments.definition import Chosen, Item, OptionValue, Rule, ScoreDef
from armwise.instruments.lookup import LookUp
from armwise.instruments.value_sets import rounded, values

OK, MISSING_ITEMS, NOT_WHOLE, OUT_OF_RANGE = range(4)
STATUS = {
    OK: "ok",
    MISSING_ITEMS: "missing items",
    NOT_WHOLE: "not an integer",
    OUT_OF_RANGE: "out of range",
}
NO_COLUMN = "not collected"

Key = tuple[object, ...]
Columns = Mapping[Key, str]
Recode = str | tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An item's column.

    Attributes:
        column: the column as it is.
        x: the same with 64 bits, for sums that must not overflow.
        floats: it can hold NaN and numbers that are not whole.
    """

    item: Item
    column: nw.Expr
    x: nw.Expr
    floats: bool

    def missing(self) -> nw.Expr:
        """Null, and NaN where there can be one."""
        null = self.column.is_null()
        return null | self.column.is_nan() if self.floats else null

    def in_range(self) -> nw.Expr:
        """Missing, or between the item's smallest and largest answer."""
        return self.missing() | self.column.is_between(self.item.lo, self.item.hi)

    def whole(self) -> nw.Expr:
        """Missing, or a whole number."""
        return self.missing() | (self.column == self.column.floor())

    def term(self, recode: Recode, low: float = 0.0) -> nw.Expr:
        """What the answer counts for in a sum, less the least that it can count for (`low`) where one is given."""
        if recode == "keep":
            return self.x - _whole(low) if low else self.x
        if recode == "reverse":
            return nw.lit(_whole(self.item.lo + self.item.hi - low)) - self.x
        steps = cast("tuple[tuple[float, float], ...]", recode)
        ladder = nw.lit(_whole(steps[-1][1] - low))
        for answer, value in reversed(steps[:-1]):
            ladder = nw.when(self.column <= answer).then(nw.lit(_whole(value - low))).otherwise(ladder)
        return ladder

    def ends(self, recode: Recode) -> tuple[float, float]:
        """The least and the most that the answer can count for."""
        if isinstance(recode, str):
            return self.item.lo, self.item.hi
        counted = [value for _, value in recode]
        return min(counted), max(counted)

    def term_or_zero(self, recode: Recode, low: float = 0.0) -> nw.Expr:
        """The same, 0 where the answer is missing."""
        if recode == "keep" and not low:
            return (self.x.fill_nan(0.0) if self.floats else self.x).fill_null(0)
        return nw.when(self.missing()).then(nw.lit(0)).otherwise(self.term(recode, low))


class Plan:
    """How one score is worked out on one frame: its rule with the options filled in."""

    def __init__(
        self, score: ScoreDef, options: Mapping[str, OptionValue], answers: Mapping[str, Answer], file: str
    ) -> None:
        """Fill the options into the rule.

        Args:
            score: the score.
            options: option -> choice, complete for this score.
            answers: item -> its column, for those items that have one.
            file: the definition's file, beside which its value sets are looked for.
        """
        rule = score.rule
        self.score = score
        self.rule: Rule = rule
        self.collected = all(code in answers for code in rule.items)
        if not self.collected:
            return
        self.answers = [answers[code] for code in rule.items]
        self.max_missing = cast("int", _fill(rule.max_missing, options))
        self.prorate = cast("str", _fill(rule.prorate, options))
        self.decimals = cast("int | None", _fill(rule.round, options))
        self.recode = tuple(_steps(_fill(rule.recode.get(code, "keep"), options)) for code in rule.items)
        self.table: Mapping[int, float | str] | None = None
        if rule.value_set is not None:
            column = cast("str", _fill(rule.column, options))
            self.table = values(rule.value_set, file, column, self.decimals)
        elif rule.lookup is not None:
            self.table = {int(raw): rounded(Decimal(str(v)), self.decimals) for raw, v in rule.lookup.items()}
        ends = [answer.ends(recode) for answer, recode in zip(self.answers, self.recode, strict=True)]
        # A per cent of the maximum counts from each item's least answer, so that it begins at 0.
        self.shift = [low if rule.name == "percent_of_maximum" else 0.0 for low, _ in ends]
        self.top = [high - low for (_, high), low in zip(ends, self.shift, strict=True)]
        items = rule.items
        self._valid: Key = ("valid", items)
        self._whole: Key = ("whole", items)
        self._complete: Key = ("complete", items)
        self._answered: Key = ("answered", items)
        self._most: Key = ("most", items, *self.top)
        self._sum: Key = ("sum", items, self.recode, rule.name, self.max_missing == 0)
        self._status: Key = ("status", items, self.max_missing)

    def stage(self, number: int, work: Columns) -> Iterator[tuple[Key, Callable[[], nw.Expr]]]:
        """The columns that this score needs from stage 1 or 2; those with equal keys are made once."""
        if not self.collected:
            return
        if number == 1:
            yield self._valid, lambda: _all(answer.in_range() for answer in self.answers)
            if self._may_be_broken:
                yield (
                    self._whole,
                    lambda: _all(a.whole() for a in self.answers if a.floats and a.item.integer),
                )
            if self.max_missing == 0:
                yield self._complete, lambda: ~_any(answer.missing() for answer in self.answers)
            else:
                yield self._answered, self._count
                if not self._equal_ranges:
                    yield self._most, self._attainable
            yield self._sum, self._total
        else:
            yield self._status, lambda: self._worked_out(work)

    def final(self, work: Columns) -> nw.Expr | LookUp:
        """The score, null where it cannot be scored."""
        if not self.collected:
            return nw.lit(None, dtype=nw.Float64)
        if self.table is not None:
            return LookUp(work[self._sum], self.table, where=work[self._status])
        raw = self._raw(work)
        value = raw if self.decimals is None else _round(raw, self.decimals)
        return nw.when(nw.col(work[self._status]) == OK).then(value.cast(nw.Float64))

    def status(self, work: Columns) -> nw.Expr | LookUp:
        """The status in words."""
        return LookUp(work[self._status], STATUS) if self.collected else nw.lit(NO_COLUMN)

    # -- stage 1 -------------------------------------------------------------------------------------

    @property
    def _may_be_broken(self) -> bool:
        return any(answer.floats and answer.item.integer for answer in self.answers)

    @property
    def _equal_ranges(self) -> bool:
        return len(set(self.top)) == 1

    def _count(self) -> nw.Expr:
        return _plus((~answer.missing()).cast(nw.Int32) for answer in self.answers)

    def _attainable(self) -> nw.Expr:
        """The largest sum that the answered items could have given."""
        each = (
            nw.when(~answer.missing()).then(nw.lit(top)).otherwise(nw.lit(0.0))
            for answer, top in zip(self.answers, self.top, strict=True)
        )
        return _plus(each)

    def _total(self) -> nw.Expr:
        if self.rule.name == "value_set":
            last = len(self.answers) - 1
            return _plus(answer.x * 10 ** (last - i) for i, answer in enumerate(self.answers))
        make = Answer.term if self.max_missing == 0 else Answer.term_or_zero
        return _plus(
            make(answer, recode, low)
            for answer, recode, low in zip(self.answers, self.recode, self.shift, strict=True)
        )

    # -- stage 2 -------------------------------------------------------------------------------------

    def _enough(self, work: Columns) -> nw.Expr:
        if self.max_missing == 0:
            return nw.col(work[self._complete])
        return nw.col(work[self._answered]) >= len(self.answers) - self.max_missing

    def _worked_out(self, work: Columns) -> nw.Expr:
        code = nw.when(self._enough(work)).then(nw.lit(OK)).otherwise(nw.lit(MISSING_ITEMS))
        if self._may_be_broken:
            code = nw.when(nw.col(work[self._whole])).then(code).otherwise(nw.lit(NOT_WHOLE))
        return nw.when(nw.col(work[self._valid])).then(code).otherwise(nw.lit(OUT_OF_RANGE))

    # -- stage 3 -------------------------------------------------------------------------------------

    def _raw(self, work: Columns) -> nw.Expr:
        """The combined answers, from the columns of stage 1."""
        total = nw.col(work[self._sum])
        size, top = len(self.answers), sum(self.top)
        if self.max_missing == 0:
            whole: dict[str, nw.Expr] = {"mean": total / size, "percent_of_maximum": total * 100.0 / top}
            return whole.get(self.rule.name, total)
        answered = nw.col(work[self._answered])
        most = answered * self.top[0] if self._equal_ranges else nw.col(work[self._most])
        if self.rule.name == "mean":
            return total / answered
        if self.rule.name == "percent_of_maximum":
            return total * 100.0 / most
        if self.prorate == "mean":
            return total * size / answered
        return total * top / most if self.prorate == "attainable" else total


def _fill(part: object, options: Mapping[str, OptionValue]) -> object:
    return part.resolve(options) if isinstance(part, Chosen) else part


def _steps(recode: object) -> Recode:
    """A recode that can be a key: a word, or (answer, value) ascending, equal neighbours as one."""
    if not isinstance(recode, Mapping):
        return cast("str", recode)
    steps: list[tuple[float, float]] = []
    for answer, value in sorted((float(a), float(v)) for a, v in recode.items()):
        if steps and steps[-1][1] == value:
            steps.pop()
        steps.append((answer, value))
    return tuple(steps)


def _whole(value: float) -> float:
    """A whole number as an integer, so that a sum of whole numbers stays one."""
    return int(value) if value == int(value) else value


def _plus(parts: Iterable[nw.Expr]) -> nw.Expr:
    return functools.reduce(operator.add, parts)


def _all(parts: Iterable[nw.Expr]) -> nw.Expr:
    return functools.reduce(operator.and_, parts)


def _any(parts: Iterable[nw.Expr]) -> nw.Expr:
    return functools.reduce(operator.or_, parts)


def _round(value: nw.Expr, decimals: int) -> nw.Expr:
    """Half away from zero; engines differ in what `round` does with halves."""
    scale = 10.0**decimals
    up = (value * scale + 0.5).floor()
    down = -((-value * scale + 0.5).floor())
    return nw.when(value < 0).then(down).otherwise(up) / scale
