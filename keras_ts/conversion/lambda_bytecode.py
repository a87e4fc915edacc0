"""Reads the bytecode stored in a Lambda, and never runs it.

Keras keeps a Lambda's function as marshalled CPython bytecode. ``marshal.loads`` may crash on
untrusted bytes, and the function may do anything. So the bytes are read one by one here, and the
instructions are compared with those that CPython 3.6 to 3.13 compiles from ``expand_dims(x, n)``,
``x[..., None]``, ``x * n`` and ``n * x``. No other source is recognised.
"""

import base64
import re
import struct
from dataclasses import dataclass
from typing import Any

# The instructions of `x * n | n * x` in hexadecimal: of Python 3.6 to 3.10, of 3.11 and 3.12, and
# of 3.13. `c` is the index of the number among the constants, `k` that of the keyword's name.
_SCALE = (
    "7c00 64{c} 1400 5300 | 64{c} 7c00 1400 5300",
    "9700 7c00 64{c} 7a05 0000 5300 | 9700 64{c} 7c00 7a05 0000 5300",
    "9500 5500 53{c} 2d05 0000 2400 | 9500 53{c} 5500 2d05 0000 2400",
)
# A call of `expand_dims`: two forms of Python 3.6 to 3.10, then one each of 3.11, 3.12 and 3.13.
_EXPAND = (
    "7400 (6a..)* 7c00 64{c} (8302 | 64{k} 8d02) 5300",
    "7400 (6a..)* a0.. 7c00 64{c} a102 5300",
    "9700 740[01] 0{{20}} (6a.. 0{{16}})* (a0.. 0{{40}})? 7c00 64{c} (ac{k})?"
    " a602 0000 ab02 0{{16}} 5300",
    "9700 740[01] 0{{16}} (6a.. 0{{36}})* 7c00 64{c} (ac{k})? ab02 0{{12}} 5300",
    "9500 5b0[01] 0{{16}} (52.. 0{{36}})* 5500 53{c} (53{k} 3902 | 3502 0{{12}}) 2400",
)
_INDEX = (
    "7c00 64{c} 1900 5300",
    "9700 7c00 64{c} 1900 0000 (0{{12}})? 5300",
    "9500 5500 53{c} 0500 0000 2400",
)
_LONGEST = 10_000


def _compiled(sources: tuple[str, ...]) -> list[re.Pattern[str]]:
    patterns = []
    for source in sources:
        for form in source.split(" | ") if "(" not in source else [source]:
            text = form.format(c="(?P<c>..)", k="(?P<k>..)")
            patterns.append(re.compile(text, re.VERBOSE))
    return patterns


_SCALES, _EXPANDS, _INDEXES = _compiled(_SCALE), _compiled(_EXPAND), _compiled(_INDEX)


@dataclass(frozen=True)
class LambdaCode:
    """The parts of a function that determine its result."""

    arguments: int
    code: str
    constants: tuple[Any, ...]
    names: tuple[Any, ...]

    def factor(self) -> float | None:
        """Return ``n`` if the function is ``x * n`` or ``n * x``, else None."""
        return None if self.names else self._constant(_SCALES)

    def axis(self) -> int | None:
        """Return ``n`` for ``expand_dims(x, n)``, -1 for ``x[..., None]``, else None."""
        if self.arguments == 1 and not self.names:
            found = [index.fullmatch(self.code) for index in _INDEXES]
            return -1 if any(m and self._at(m["c"]) == (..., None) for m in found) else None
        number = self._constant(_EXPANDS)
        named = self.names and self.names[-1] == "expand_dims"
        return number if named and isinstance(number, int) else None

    def __str__(self) -> str:
        numbers = [c for c in self.constants if isinstance(c, int | float)]
        parts = [f"names {', '.join(map(str, self.names))[:80]}"] if self.names else []
        parts += [f"numbers {', '.join(map(str, numbers))[:80]}"] if numbers else []
        return "its code has the " + " and the ".join(parts) if parts else "its code names nothing"

    def _constant(self, patterns: list[re.Pattern[str]]) -> Any:
        """Return the constant in the instructions, if they match one of ``patterns``."""
        for pattern in patterns:
            match = pattern.fullmatch(self.code)
            if match is None or self.arguments != 1:
                continue
            places = match.groupdict()
            value = self._at(places["c"])
            keyword = places.get("k") is None or self._at(places["k"]) == ("axis",)
            if keyword and isinstance(value, int | float) and not isinstance(value, bool):
                return value
        return None

    def _at(self, place: str) -> Any:
        index = int(place, 16)
        return self.constants[index] if index < len(self.constants) else None


def read(text: Any) -> LambdaCode | None:
    """Return the function that Keras stored as ``text``, or None where it cannot be read."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    for counts, tail in _LAYOUTS:
        try:
            reader = _Reader(base64.b64decode(text))
            code = reader.code(counts, tail)
        except (ValueError, IndexError, KeyError, struct.error, RecursionError):
            continue
        if reader.at == len(reader.data):
            return code
    return None


# Layouts of a marshalled code object: how many numbers precede its first value, and how many values
# follow its line number. They are of Python 3.8 to 3.10, from 3.11 on, and of 3.6 and 3.7.
_LAYOUTS = ((6, 1), (5, 2), (5, 1))
_PLAIN = {"N": None, "T": True, "F": False, ".": ...}


class _Reader:
    """Reads the marshal format, in which each value is a type and its content, or a reference."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self._seen = data, 0, list[Any]()

    def code(self, counts: int, tail: int) -> LambdaCode:
        kind = self._take(1)[0]
        if chr(kind & 0x7F) != "c":
            raise ValueError("not a code object")
        if kind & 0x80:
            self._seen.append(None)
        arguments, *_ = [self._number() for _ in range(counts)]
        code, constants, names, *_ = [self.value() for _ in range(8)]
        self._number()
        for _ in range(tail):
            self.value()
        if not (isinstance(code, bytes) and isinstance(constants, tuple)):
            raise ValueError("not a code object of this layout")
        if not (isinstance(names, tuple) and all(isinstance(name, str) for name in names)):
            raise ValueError("not a code object of this layout")
        return LambdaCode(arguments, code.hex(), constants, names)

    def value(self) -> Any:
        kind = self._take(1)[0]
        place = len(self._seen)
        if kind & 0x80:
            self._seen.append(None)
        value = self._content(chr(kind & 0x7F))
        if kind & 0x80:
            self._seen[place] = value
        return value

    def _content(self, kind: str) -> Any:
        if kind == "i":
            return self._number()
        if kind == "g":
            return struct.unpack("<d", self._take(8))[0]
        if kind == "r":
            return self._seen[self._number()]
        if kind in "zZ":
            return self._take(self._take(1)[0]).decode("ascii")
        if kind in "aAut":
            return self._take(self._number()).decode("utf-8")
        if kind == "s":
            return self._take(self._number())
        if kind in ")(":
            count = self._take(1)[0] if kind == ")" else self._number()
            return tuple(self.value() for _ in range(count))
        return _PLAIN[kind]

    def _number(self) -> int:
        return int(struct.unpack("<i", self._take(4))[0])

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise IndexError("the data ends")
        self.at += count
        return self.data[self.at - count : self.at]
