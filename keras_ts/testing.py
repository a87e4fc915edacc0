"""Checks functions that cut windows, ours and anyone's own, against an oracle.

The file needs Hypothesis, and no other file does, so ``import keras_ts`` leaves it out.
The oracle reads the contract word by word and shares no arithmetic with ``keras_ts.windows``.
"""

import copy
import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Any

import keras
import numpy as np
from hypothesis import assume, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisException, NoSuchExample

from keras_ts._typing import Array
from keras_ts.windows.windowed_series import WindowedSeries

Strategy = st.SearchStrategy


def series(*, min_length: int = 1, max_length: int = 20, **kind: Any) -> Strategy[Array]:
    """Return a strategy of series in which every value tells its place, or is drawn.

    Example:

    >>> find(series(min_length=3), lambda drawn: True).tolist()
    [0.0, 1.0, 2.0]
    >>> find(series(columns=2), lambda drawn: len(drawn) > 1).tolist()
    [[0.0, 1.0], [10.0, 11.0]]

    Args:
        min_length: Fewest positions. Defaults to 1.
        max_length: Most positions. Defaults to 20.
        **kind: ``columns``, ``dtype`` and ``elements``, as for ``panels``.
    """
    drawn = panels(max_series=1, min_length=min_length, max_length=max_length, **kind)
    return drawn.map(lambda panel: panel[0])


def panels(
    *,
    min_series: int = 1,
    max_series: int = 3,
    min_length: int = 0,
    max_length: int = 20,
    columns: int | None = None,
    dtype: Any = "float32",
    elements: Strategy[Any] | None = None,
) -> Strategy[list[Array]]:
    """Return a strategy of lists of series of unequal length, also empty and short ones.

    Example:

    >>> [array.tolist() for array in find(panels(min_series=2, min_length=2), lambda drawn: True)]
    [[0.0, 1.0], [100.0, 101.0]]

    Args:
        min_series: Fewest series. Defaults to 1.
        max_series: Most series. Defaults to 3.
        min_length: Fewest positions in a series. Defaults to 0.
        max_length: Most positions in a series. Defaults to 20.
        columns: Number of columns. Defaults to None: shape ``(time,)``.
        dtype: Dtype of the arrays. Defaults to ``"float32"``.
        elements: A strategy for single values, NaN among them if you like. Defaults to
            None: no two values of a panel are equal, and each tells its place.
    """
    width = columns or 1
    place = 1 if width == 1 else 10 ** len(str(width - 1))
    apart = place * max(100, 10 ** len(str(max_length)))

    def one_series(number: int, size: int) -> Strategy[Array]:
        shape = (size,) if columns is None else (size, width)
        values = np.add.outer(number * apart + place * np.arange(size), np.arange(width))
        flat = st.just(values.ravel().tolist())
        if elements is not None:
            flat = st.lists(elements, min_size=size * width, max_size=size * width)
        return flat.map(lambda drawn: np.array(drawn, dtype).reshape(shape))

    length = st.integers(min_length, max_length)
    lengths = st.lists(length, min_size=min_series, max_size=max_series)
    return lengths.flatmap(lambda sizes: st.tuples(*map(one_series, range(len(sizes)), sizes))).map(
        list
    )


def windowed_series(*vary: str, columns: int | None = None) -> Strategy[WindowedSeries]:
    """Return a strategy of settings for small windows, of which those in ``vary`` vary.

    Example:

    >>> drawn = find(windowed_series("window", "batch_size"), lambda w: w.batch_size < 32)
    >>> drawn == WindowedSeries(1, batch_size=1)
    True

    Args:
        *vary: Names of arguments of ``WindowedSeries``; the others keep their defaults,
            and ``window`` is always drawn. ``future_columns``, ``static_columns`` and
            ``calendar`` turn inputs into a dict, and ``remainder`` brings weights; so they are
            drawn only if they are named, as is ``shuffle``. By default all others vary.
        columns: Number of columns for ``target_columns`` to choose from. Defaults to
            None: a series of shape ``(time,)``, which has no ``target_columns``.

    Raises:
        ValueError: ``vary`` names an argument that is not drawn here.
    """
    column = st.integers(0, (columns or 1) - 1)
    some = st.lists(column, min_size=1, max_size=columns, unique=True).map(tuple)
    ranges = {"horizon": (1, 3), "gap": (0, 2), "stride": (1, 3), "sampling_rate": (1, 3)}
    strategies: dict[str, Strategy[Any]] = {
        "window": st.integers(1, 4),
        **{name: st.integers(*ends) for name, ends in ranges.items()},
        "targets": st.sampled_from(["vector", "sequence"]),
        "target_columns": st.none() if columns is None else st.none() | column | some,
        "batch_size": st.just(32) | st.integers(1, 7),
        "shuffle": st.booleans(),
        "remainder": st.sampled_from(["keep", "drop", "pad"]),
        "calendar": st.none() | st.lists(st.integers(2, 5), min_size=1, max_size=2, unique=True),
        "future_columns": st.none() if columns is None else st.none() | some,
        "static_columns": st.none() if columns is None else st.none() | some,
    }
    if unknown := set(vary) - set(strategies):
        raise ValueError(f"vary takes any of {list(strategies)}. Received: {sorted(unknown)}.")
    names = {"window", *vary} if vary else strategies.keys() - _NAMED_ONLY
    chosen = {name: strategy for name, strategy in strategies.items() if name in names}
    return (
        st.fixed_dictionaries(chosen)
        .filter(lambda drawn: _fits(drawn, columns))
        .map(lambda drawn: WindowedSeries(**drawn))
    )


_NAMED_ONLY = {"shuffle", "remainder", "calendar", "future_columns", "static_columns"}


def _fits(drawn: dict[str, Any], columns: int | None) -> bool:
    """Tell if settings name no column twice, leave one to forecast, and know all it needs."""
    targets, future, static = (
        _listed(drawn.get(f"{role}_columns")) for role in ("target", "future", "static")
    )
    roles = targets + future + static
    ahead = future or drawn.get("calendar")
    late = drawn.get("gap", 0) > 0 or drawn.get("sampling_rate", 1) > 1
    return (
        len(set(roles)) == len(roles)
        and (bool(targets) or len(future + static) < (columns or 1))
        and not (ahead and late and drawn.get("targets") == "sequence")
    )


def reference_windows(series: Any, windows: WindowedSeries) -> tuple[Any, Array]:
    """Return all windows in time order, by plain loops that follow the contract word by word.

    Example:

    >>> x, y = reference_windows(np.arange(5.0), WindowedSeries(window=3))
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [3.0, 4.0])

    Args:
        series: ``(time,)`` or ``(time, columns)``, or a list of such arrays.
        windows: Settings to cut the series by. Batches and their order make no difference.

    Raises:
        ValueError: There is no window, a value is missing where ``missing="raise"``, or
            the settings name columns of a frame.
    """
    cut = list(_each_window(series, windows))
    if not cut:
        raise ValueError(f"series gives no window of {_differing(windows)}.")
    inputs, targets = [x for x, _, _ in cut], np.array([y for _, y, _ in cut])
    if isinstance(inputs[0], dict):
        return {name: np.array([x[name] for x in inputs]) for name in inputs[0]}, targets
    return np.array(inputs), targets


def _each_window(
    series: Any, w: WindowedSeries, at: int | None = None, context: bool = True
) -> Iterator[tuple[Any, Array, str]]:
    """Yield every window of every series, with the part of a split at ``at`` that holds it."""
    for name in ("id_column", "time_column"):
        if value := getattr(w, name):
            raise ValueError(f"The reference knows plain arrays alone. Received: {name}={value!r}.")
    cycles: Any = w.calendar or ()
    panel = isinstance(series, list | tuple) and all(getattr(part, "ndim", 0) for part in series)
    for array in series if panel else [series]:
        values = np.asarray(array)
        if w.missing == "raise" and not np.isfinite(values).all():
            raise ValueError('series has a missing value; pass missing="drop" or "keep".')
        table = values if values.ndim == 2 else values[:, None]
        width = table.shape[1]
        numbers = np.arange(width)
        static: Any = [numbers[column] for column in _listed(w.static_columns)]
        future: Any = sorted(numbers[column] for column in _listed(w.future_columns))
        rest: Any = [c for c in range(width) if c not in static and c not in future]
        chosen: Any = rest if w.target_columns is None else w.target_columns
        wanted = values if values.ndim == 1 else table[:, chosen]
        span = w.sampling_rate * (w.window - 1) + 1 + w.gap + w.horizon
        for start in range(0, len(values) - span + 1, w.stride):
            inputs = [start + w.sampling_rate * k for k in range(w.window)]
            origins = inputs if w.targets == "sequence" else inputs[-1:]
            ahead = [[p + w.gap + 1 + h for h in range(w.horizon)] for p in origins]
            x: Any = np.array([values[p] for p in inputs])
            if cycles or future or static:
                past: Any = [c for c in range(width) if c not in static]
                x = {"past": [[*table[p, past], *_waves(p, cycles)] for p in inputs]}
                if cycles or future:
                    x["future"] = [[*table[p, future], *_waves(p, cycles)] for p in ahead[-1]]
                if static:
                    x["static"] = table[0, static]
                x = {name: np.array(part) for name, part in x.items()}
            y = np.array([[wanted[p] for p in row] for row in ahead])
            y = y[:, 0] if w.horizon == 1 else y
            y = y if w.targets == "sequence" else y[0]
            read = [*x.values(), y] if isinstance(x, dict) else [x, y]
            if w.missing == "drop" and not all(np.isfinite(part).all() for part in read):
                continue
            part = "train"
            if at is not None and ahead[-1][-1] >= at:
                whole = ahead[0][0] >= at and (context or inputs[0] >= at)
                part = "validation" if whole else "no part"
            yield x, y, part


def _listed(columns: Any) -> list[Any]:
    """Return the columns that an argument names as a list."""
    if columns is None:
        return []
    return [columns] if isinstance(columns, int | str) else list(columns)


def _waves(position: int, cycles: Any) -> list[float]:
    """Return sine and cosine of the phase of a position in each cycle, counted in rows."""
    angles = [2 * math.pi * (position % cycle) / cycle for cycle in cycles]
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


def check_windowing(
    function: Callable[..., Any],
    *,
    windows: Strategy[WindowedSeries] | None = None,
    columns: int | None = None,
    panel: bool = False,
    split: bool = False,
    context: bool = True,
    ordered: bool = False,
    max_examples: int = 100,
) -> None:
    """Check a windowing function of your own against the oracle, on many small series.

    Hypothesis draws series and settings, the same ones each time, and shrinks a case that fails.

    Example:

    >>> def one_too_few(series, windows):
    ...     for s in range(len(series) - windows.window - 1):
    ...         yield series[s : s + windows.window], series[s + windows.window]
    >>> check_windowing(one_too_few, windows=windowed_series("window"))
    Traceback (most recent call last):
    AssertionError: Wrong windows. The smallest case found:
      series = [0.0, 1.0]
      windows = WindowedSeries(window=1)
      missing: x=[0.0] y=1.0

    Args:
        function: ``function(series, windows)`` returns arrays ``(x, y)``, or an iterable of
            batches or of single pairs ``(x, y)``: a tf.data dataset, a PyDataset, a
            generator. Batches may bring weights: a window of weight 0 does not count. The
            function may call ``hypothesis.assume`` to leave out cases.
        windows: The settings to try. Defaults to ``windowed_series(columns=columns)``.
        columns: Number of columns. Defaults to None: series of shape ``(time,)``.
        panel: True to pass lists of series, which no window crosses. Defaults to False.
        split: True to call ``function(series, windows, at)`` for ``(train,
            validation)``, each as above: a window belongs to the part that holds all its
            targets, and ``at`` is each series' own position. Defaults to False.
        context: True if inputs of validation reach back over the border. Defaults to True.
        ordered: True if windows must come in time order, False for any. Defaults to False.
        max_examples: Number of cases to try before passing. Defaults to 100.

    Raises:
        AssertionError: A window is wrong, missing or too many, or ``function`` raises. The
            message shows the smallest case found.
    """
    last = [""]

    def fails(case: _Case) -> bool:
        if fault := _fault(function, case, ordered):
            last[:] = [case.text, fault]
        return bool(fault)

    drawn = windowed_series(columns=columns) if windows is None else windows
    chosen = settings(max_examples=max_examples, deadline=None, derandomize=True, database=None)
    try:
        find(_cases(drawn, columns, panel, split, context), fails, settings=chosen)
    except NoSuchExample:
        return
    except Flaky:
        last.append("(the function does not give the same windows every time)")
    raise AssertionError("\n  ".join(["Wrong windows. The smallest case found:", *last]))


@dataclass(frozen=True)
class _Case:
    arguments: list[Any]
    parts: dict[str, list[str]]  # the windows of each part, as text
    axes: int  # number of axes of one window's inputs
    text: str


@st.composite
def _cases(draw: Any, drawn: Any, columns: Any, panel: bool, split: bool, context: bool) -> _Case:
    """Draw a series and settings that give a window, to both parts if there is a split."""
    w = draw(drawn)
    span = w.sampling_rate * (w.window - 1) + 1 + w.gap + w.horizon
    most = 2 * span + w.stride + 6 if split else span + 8
    arrays = draw(panels(columns=columns, max_series=3 if panel else 1, max_length=most))
    for array in arrays:
        for column in _listed(w.static_columns):
            array[:, column] = array[:1, column]
    assume(not (w.shuffle and w.remainder == "drop"))  # Any windows may be left out.
    longest = max(map(len, arrays))
    assume(longest >= span + split)
    at = draw(st.integers(span, longest - 1)) if split else None
    parts: dict[str, list[str]] = {"train": [], "validation": [], "no part": []}
    for x, y, part in _each_window(arrays, w, at, context):
        parts[part].append(_text(x, y))
    if w.remainder == "drop":
        for texts in parts.values():
            del texts[len(texts) // w.batch_size * w.batch_size :]
    assume(parts["train"] and (parts["validation"] or not split))
    values = [array.tolist() for array in arrays]
    text = f"panel = {values}" if panel else f"series = {values[0]}"
    text += f"\n  windows = {_differing(w)}" + (f"\n  at = {at}" if split else "")
    arguments = [arrays if panel else arrays[0], w, *([at] if split else [])]
    return _Case(arguments, parts, 1 + bool(columns), text)


def _differing(windows: WindowedSeries) -> str:
    """Return the code of a description, with the settings that differ from the defaults."""
    given = [(f.name, getattr(windows, f.name), f.default) for f in fields(windows)]
    shown = [f"{name}={value!r}" for name, value, default in given if value != default]
    return f"WindowedSeries({', '.join(shown)})"


def _text(x: Any, y: Any) -> str:
    """Return a window as exact text, to compare and to show in a message."""
    y = np.asarray(y, np.float64).tolist()
    if isinstance(x, dict):  # Sines and cosines may differ in their last digits.
        parts = (
            f"{name}={(np.round(np.asarray(part, np.float64), 5) + 0.0).tolist()}"
            for name, part in x.items()
        )
        return f"x=({' '.join(parts)}) y={y}"
    return f"x={np.asarray(x, np.float64).tolist()} y={y}"


def _fault(function: Callable[..., Any], case: _Case, ordered: bool) -> str:
    """Return the first fault in the windows that the function cuts, or an empty text."""
    split = len(case.arguments) == 3
    try:
        result = function(*copy.deepcopy(case.arguments))
        names, given = (["train", "validation"], result) if split else (["train"], [result])
        got = {name: _read(part, case) for name, part in zip(names, given, strict=True)}
    except HypothesisException:  # the function's own assumptions
        raise
    except Exception as error:
        return f"calling it and reading (x, y) raised {type(error).__name__}: {error}"
    faults = {name: _difference(got[name], name, case, ordered) for name in got}
    return next((f"in {name}, {f}" if split else f for name, f in faults.items() if f), "")


def _read(result: Any, case: _Case) -> list[str]:
    """Return the windows in arrays or batches, of an endless dataset the first ones."""
    if isinstance(result, tuple | list) and len(result) == 2 and not isinstance(result[0], tuple):
        result = [result]
    elif not hasattr(result, "__iter__"):
        result = (result[index] for index in range(len(result)))
    texts: list[str] = []
    for batch in result:
        x, y, *weights = batch
        named = isinstance(x, dict)
        x = {name: np.asarray(part) for name, part in x.items()} if named else np.asarray(x)
        y = np.asarray(y)
        past: Any = x["past"] if named else x
        if past.ndim == (2 if named else case.axes) and len(past) > 0:
            texts.append(_text(x, y))
            continue
        if len(past) != len(y):
            raise ValueError(f"{len(past)} inputs and {len(y)} targets")
        counted = np.ravel(weights[0]) > 0 if weights else np.ones(len(y), dtype=bool)
        for row in np.flatnonzero(counted):
            window = keras.tree.map_structure(operator.itemgetter(row), x)
            texts.append(_text(window, y[row]))
        if len(texts) > 2 * sum(map(len, case.parts.values())):
            break
    return texts


def _difference(got: list[str], part: str, case: _Case, ordered: bool) -> str:
    """Return the first window that is wrong, too many or missing, or an empty text."""
    wanted = case.parts[part]
    if ordered:
        pairs = enumerate(zip_longest(got, wanted, fillvalue="nothing"))
        return next((f"window {i}: {a}, expected: {b}" for i, (a, b) in pairs if a != b), "")
    extra, missing = (list(Counter(a) - Counter(b)) for a, b in ((got, wanted), (wanted, got)))
    home = next((name for name, texts in case.parts.items() if extra and extra[0] in texts), None)
    why = "repeated" if home == part else f"of {home}" if home else "no window of the series"
    lines = [f"extra: {extra[0]} ({why})"] if extra else []
    return "\n  ".join(lines + [f"missing: {text}" for text in missing[:1]])
