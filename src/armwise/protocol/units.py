"""Units of concentration and volume, read and compared: a conversion is declared, and checked, never guessed."""

from __future__ import annotations

import re
from fractions import Fraction

#: A litre in millilitres; the same letters for the micro sign as for u.
VOLUMES: dict[str, Fraction] = {"L": Fraction(1000), "mL": Fraction(1), "uL": Fraction(1, 1000)}

_CONCENTRATION = re.compile(r"(?:10\^(?P<power>\d{1,2}))? ?/ ?(?P<volume>L|mL|uL)")


def _plain(unit: str) -> str:
    """The micro sign (both of Unicode's) and the Greek letter are written u."""
    return unit.strip().replace("\u00b5", "u").replace("\u03bc", "u")


def per_millilitre(unit: str) -> Fraction | None:
    """How many per mL one of a unit of concentration is; None where the text is no such unit.

    Args:
        unit: `10^6/mL`, `/mL`, `10^3/uL`, `10^9/L`.

    Example:
        >>> per_millilitre("10^3/uL") == per_millilitre("10^6/mL"), per_millilitre("%")
        (True, None)
    """
    found = _CONCENTRATION.fullmatch(_plain(unit))
    if found is None:
        return None
    return Fraction(10) ** int(found["power"] or 0) / VOLUMES[found["volume"]]


def millilitres(unit: str) -> Fraction | None:
    """How many mL one of a unit of volume is; None where the text is no such unit."""
    return VOLUMES.get(_plain(unit))


def dose_unit(concentration: str, volume: str) -> str | None:
    """The unit of concentration times volume ("" for plain numbers); None where they do not name the same volume.

    Args:
        concentration: `10^6/mL`, `/mL`.
        volume: `mL`.

    Example:
        >>> dose_unit("10^6/mL", "mL"), dose_unit("/mL", "mL"), dose_unit("10^3/uL", "mL")
        ('10^6', '', None)
    """
    found = _CONCENTRATION.fullmatch(_plain(concentration))
    if found is None or found["volume"] != _plain(volume):
        return None
    return f"10^{found['power']}" if found["power"] else ""


def conversion(unit: str, wanted: str) -> Fraction | None:
    """What a number in one unit is multiplied by to be in another; None where the units are not of one kind."""
    for read in (per_millilitre, millilitres):
        one, other = read(unit), read(wanted)
        if one is not None and other is not None:
            return one / other
    return None
