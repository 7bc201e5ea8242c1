"""Units as udunits and the CF conventions write them: `m s-1`, `m/s`, `10 hPa`, `degC`."""

from __future__ import annotations

import math
import re
from typing import Dict, NamedTuple, Optional, Tuple

from .laying import _bad_transform

_POWER_MAX = 16


class _Unit(NamedTuple):
    """value x factor + offset is the value in base units; powers are those of m, kg, s, K, A, mol,
    cd and rad."""

    factor: float
    powers: Tuple[int, ...] = (0,) * 8
    offset: float = 0.0


def _powers(**of: int) -> Tuple[int, ...]:
    return tuple(of.get(base, 0) for base in ("m", "kg", "s", "K", "A", "mol", "cd", "rad"))


_LENGTH, _TIME, _TEMPERATURE = _powers(m=1), _powers(s=1), _powers(K=1)
_PRESSURE, _ENERGY = _powers(m=-1, kg=1, s=-2), _powers(m=2, kg=1, s=-2)
_ANGLE, _DENSITY = _powers(rad=1), _powers(m=-3, kg=1)

# Those that take prefixes: SI Brochure, 9th edition; those of meteorology beside them.
_PREFIXED: Dict[str, _Unit] = {
    "m": _Unit(1, _LENGTH), "g": _Unit(1e-3, _powers(kg=1)), "s": _Unit(1, _TIME),
    "K": _Unit(1, _TEMPERATURE), "A": _Unit(1, _powers(A=1)), "mol": _Unit(1, _powers(mol=1)),
    "cd": _Unit(1, _powers(cd=1)), "rad": _Unit(1, _ANGLE), "Hz": _Unit(1, _powers(s=-1)),
    "N": _Unit(1, _powers(m=1, kg=1, s=-2)), "Pa": _Unit(1, _PRESSURE),
    "bar": _Unit(1e5, _PRESSURE), "J": _Unit(1, _ENERGY), "eV": _Unit(1.602176634e-19, _ENERGY),
    "W": _Unit(1, _powers(m=2, kg=1, s=-3)), "C": _Unit(1, _powers(s=1, A=1)),
    "V": _Unit(1, _powers(m=2, kg=1, s=-3, A=-1)), "T": _Unit(1, _powers(kg=1, s=-2, A=-1)),
    "L": _Unit(1e-3, _powers(m=3)), "l": _Unit(1e-3, _powers(m=3))}
_FAHRENHEIT = _Unit(5 / 9, _TEMPERATURE, 273.15 - (32 * 5) / 9)
_CELSIUS = _Unit(1, _TEMPERATURE, 273.15)
_HOUR, _DAY, _MINUTE, _SECOND = (_Unit(each, _TIME) for each in (3600, 86400, 60, 1))
_KNOT, _DEGREE = _Unit(1852 / 3600, _powers(m=1, s=-1)), _Unit(math.pi / 180, _ANGLE)
_PLAIN: Dict[str, _Unit] = {
    "%": _Unit(0.01), "percent": _Unit(0.01), "degC": _CELSIUS, "Celsius": _CELSIUS,
    "celsius": _CELSIUS, "degF": _FAHRENHEIT, "fahrenheit": _FAHRENHEIT,
    "kelvin": _Unit(1, _TEMPERATURE), "meter": _Unit(1, _LENGTH), "metre": _Unit(1, _LENGTH),
    "gpm": _Unit(1, _LENGTH), "ft": _Unit(0.3048, _LENGTH), "nmi": _Unit(1852, _LENGTH),
    "kt": _KNOT, "knot": _KNOT, "sec": _SECOND, "second": _SECOND, "min": _MINUTE,
    "minute": _MINUTE, "h": _HOUR, "hr": _HOUR, "hour": _HOUR, "d": _DAY, "day": _DAY,
    "atm": _Unit(101325, _PRESSURE), "deg": _DEGREE, "degree": _DEGREE, "degrees": _DEGREE}
_PREFIXES = {"da": 1e1, "h": 1e2, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
             "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12,
             "f": 1e-15, "a": 1e-18}
_FACTOR = re.compile(r"([\s.*·]*(?:/\s*)?)"
                     r"(?:([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|([A-Za-zµ%]+))"
                     r"(?:(?:\^|\*\*)?([+-]?[0-9]+))?")


def _conversion(source: str, target: str, density: Optional[float] = None) -> Tuple[float, float]:
    """Factor and offset: value x factor + offset is the value in the other unit. `density` (kg m-3)
    lets a mass on an area be a depth. `bad-transform` where they measure different things."""
    one, other = _parsed_unit(source), _parsed_unit(target)
    factor = one.factor / other.factor
    if one.powers == other.powers:
        return factor, (one.offset - other.offset) / other.factor
    if density is not None:
        if not density > 0:
            raise _bad_transform("units", f"a density of {density} is none")
        difference = tuple(two - three for two, three in zip(one.powers, other.powers))
        if difference == _DENSITY:
            return factor / density, 0.0
        if difference == tuple(-power for power in _DENSITY):
            return factor * density, 0.0
    raise _bad_transform("units", f"\"{source}\" and \"{target}\" measure different things")


def _parsed_unit(text: str) -> _Unit:
    rest, found = text.strip(), None
    if rest in ("", "1"):
        return _Unit(1)
    while rest:
        match = _FACTOR.match(rest)
        if match is None:
            raise _unknown_unit(text, rest)
        power = int(match[4] or 1) * (-1 if "/" in match[1] else 1)
        one = _Unit(float(match[2])) if match[2] else _symbol(match[3])
        if one is None or one.factor == 0 or abs(power) > _POWER_MAX:
            raise _unknown_unit(text, match[3] or rest)
        if power != 1:
            one = _Unit(one.factor ** power, tuple(each * power for each in one.powers))
        elif found is not None:
            one = one._replace(offset=0.0)
        if found is not None:
            one = _Unit(found.factor * one.factor,
                        tuple(map(sum, zip(found.powers, one.powers))))
        found = one
        rest = rest[match.end():].rstrip()
    return found or _Unit(1)


def _unknown_unit(text: str, at: str) -> Exception:
    return _bad_transform("units", f"no unit is known as \"{at}\" in \"{text}\"")


def _symbol(symbol: str) -> Optional[_Unit]:
    known = _PREFIXED.get(symbol) or _PLAIN.get(symbol)
    if known is not None:
        return known
    for size in (2, 1):
        prefix, base = _PREFIXES.get(symbol[:size]), _PREFIXED.get(symbol[size:])
        if prefix is not None and base is not None:
            return base._replace(factor=base.factor * prefix)
    return None
