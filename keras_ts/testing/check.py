"""``check_windowing``: checks a windowing function of your own against plain loops."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from hypothesis import assume, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisException, NoSuchExample

from keras_ts.testing.oracle import each_window, shown_settings
from keras_ts.testing.strategies import Strategy, panels, windowed_series
from keras_ts.windows.windowed_series import WindowedSeries


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
    """Check a windowing function of your own against plain loops, on short series and a long one.

    Hypothesis tries the same cases in each run, and shrinks a case that fails.

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
        function: ``function(series, windows)`` returns arrays ``(x, y)``, or an iterable of batches
            or single pairs ``(x, y)``: a tf.data dataset, a PyDataset, a generator. Batches may
            have weights: a window of weight 0 does not count. The function may call
            ``hypothesis.assume`` to skip cases.
        windows: A strategy of settings to try. Defaults to ``windowed_series(columns=columns)``.
        columns: Number of columns. Defaults to None: series of shape ``(time,)``.
        panel: True to pass lists of series, which no window crosses. Defaults to False.
        split: True to call ``function(series, windows, at)``, which returns ``(train,
            validation)``, each like ``(x, y)`` above. ``at`` is a position in each series, where
            validation begins; a window belongs to the part that holds all its targets. Defaults to
            False.
        context: True if inputs of validation windows may lie before ``at``. Defaults to True.
        ordered: True if windows must come in time order. Defaults to False.
        max_examples: Number of cases to try. All series are short, except one of about 128 windows,
            so faults that need more windows are not found. Defaults to 100.

    Raises:
        AssertionError: A window is wrong, missing or one too many, or ``function`` raises, or
            overwrites its series. The message shows the smallest case found.
        TypeError: ``windows`` is no strategy.
    """
    if not (windows is None or isinstance(windows, Strategy)):
        raise TypeError(
            'windows must be a strategy, such as windowed_series("window"), or st.just(...) of a '
            f"single one. Received: {type(windows).__name__}."
        )
    report, passed = [""], []

    def fails(case: _Case) -> bool:
        if fault := _fault(function, case, ordered):
            report[:] = [case.text, fault]
        else:
            passed.append(case.arguments[1])
        return bool(fault)

    def found(drawn: Strategy[WindowedSeries], tries: int, *lengths: int) -> bool:
        cases = _cases(drawn, columns, panel, split, context, *lengths)
        chosen = settings(max_examples=tries, deadline=None, derandomize=True, database=None)
        try:
            find(cases, fails, settings=chosen)
        except NoSuchExample:
            return False
        except Flaky:
            report.append("(the function does not give the same windows every time)")
        return True

    if not found(windowed_series(columns=columns) if windows is None else windows, max_examples):
        # Some faults show only in many windows, such as reading only the first batch.
        again = st.just(min(passed, key=lambda w: (len(text := shown_settings(w)), text)))
        if not found(again, 1, _MANY, _MANY):
            return
        found(again, max_examples, 0, _MANY)  # Look for a shorter series that shows the fault.
    raise AssertionError("\n  ".join(["Wrong windows. The smallest case found:", *report]))


# A long series has at least this many windows.
_MANY = 128


@dataclass(frozen=True)
class _Case:
    arguments: list[Any]
    parts: dict[str, list[str]]  # the windows of each part, as text
    axes: int  # number of axes of one window's inputs
    targets: tuple[int, ...]  # shape of one window's targets
    text: str


@st.composite
def _cases(
    draw: Any, drawn: Any, columns: Any, panel: bool, split: bool, context: bool,
    fewest: int = 0, most: int = 0,
) -> _Case:  # fmt: skip
    """Draw a series and settings with at least one window, in both parts if there is a split."""
    # Each series has about ``fewest`` to ``most`` windows; with ``most=0`` it has a few.
    w = draw(drawn)
    span = w.sampling_rate * (w.window - 1) + 1 + w.gap + w.horizon
    few = 2 * span + w.stride + 6 if split else span + 8
    least, longest = (span * (count > 0) + w.stride * count for count in (fewest, most))
    arrays = draw(
        panels(
            columns=columns,
            max_series=3 if panel else 1,
            min_length=least,
            max_length=longest if most else few,
        )
    )
    for array in arrays:
        for column in w.per_series:
            array[:, column] = array[:1, column]
    assume(not (w.shuffle and w.remainder == "drop"))  # Nothing says which windows are dropped.
    longest = max(map(len, arrays))
    assume(longest >= span + split)
    at = draw(st.integers(span, longest - 1)) if split else None
    parts: dict[str, list[str]] = {"train": [], "validation": [], "no part": []}
    shape: tuple[int, ...] = ()
    for x, y, part in each_window(arrays, w, at, context):
        parts[part].append(_text(x, y))
        shape = np.shape(y)
    if w.remainder == "drop":
        for texts in parts.values():
            del texts[len(texts) // w.batch_size * w.batch_size :]
    assume(parts["train"] and (parts["validation"] or not split))
    values = [array.tolist() for array in arrays]
    text = f"panel = {values}" if panel else f"series = {values[0]}"
    text += f"\n  windows = {shown_settings(w)}" + (f"\n  at = {at}" if split else "")
    arguments = [arrays if panel else arrays[0], w, *([at] if split else [])]
    return _Case(arguments, parts, 1 + bool(columns), shape, text)


def _text(x: Any, y: Any) -> str:
    """Return a window as text, for comparison and for messages."""
    y = np.asarray(y, np.float64).tolist()
    if isinstance(x, dict):  # Sines and cosines may differ in their last digits.
        parts = (
            f"{name}={(np.round(np.asarray(part, np.float64), 5) + 0.0).tolist()}"
            for name, part in x.items()
        )
        return f"x=({' '.join(parts)}) y={y}"
    return f"x={np.asarray(x, np.float64).tolist()} y={y}"


def _fault(function: Callable[..., Any], case: _Case, ordered: bool) -> str:
    """Return the first fault in the windows that the function cuts, or an empty string."""
    split = len(case.arguments) == 3
    try:
        arguments = copy.deepcopy(case.arguments)
        result = function(*arguments)
        names, parts = (["train", "validation"], result) if split else (["train"], [result])
        got = {name: _read(part, case) for name, part in zip(names, parts, strict=True)}
    except HypothesisException:  # the function's own assumptions
        raise
    except Exception as error:
        return f"calling it and reading (x, y) raised {type(error).__name__}: {error}"
    if not all(map(np.array_equal, arguments[0], case.arguments[0])):
        return "it overwrites the series that it was given: copy them before changing values"
    faults = {name: _difference(got[name], name, case, ordered) for name in got}
    return next((f"in {name}, {f}" if split else f for name, f in faults.items() if f), "")


def _read(result: Any, case: _Case) -> list[str]:
    """Return the windows in arrays or batches as texts; of an endless dataset, the first ones."""
    if isinstance(result, tuple | list) and len(result) == 2 and not isinstance(result[0], tuple):
        result = [result]
    elif not hasattr(result, "__iter__"):
        result = (result[index] for index in range(len(result)))
    texts: list[str] = []
    for batch in result:
        x, y, *weights = batch
        named, y = isinstance(x, dict), np.asarray(y)
        x = {name: np.asarray(part) for name, part in x.items()} if named else np.asarray(x)
        past: Any = x["past"] if named else x
        single = past.ndim == (2 if named else case.axes) and len(past) > 0
        if (y.shape if single else y.shape[1:]) != case.targets:
            expected = case.targets if single else (len(y), *case.targets)
            raise ValueError(f"y has the shape {y.shape}, and must have the shape {expected}")
        if single:
            texts.append(_text(x, y))
            continue
        if len(past) != len(y):
            raise ValueError(f"{len(past)} inputs and {len(y)} targets")
        counted = np.ravel(weights[0]) > 0 if weights else np.ones(len(y), dtype=bool)
        for row in np.flatnonzero(counted):
            inputs = (
                {name: part[row] for name, part in x.items()} if isinstance(x, dict) else x[row]
            )
            texts.append(_text(inputs, y[row]))
        if len(texts) > 2 * sum(map(len, case.parts.values())):
            break
    return texts


def _difference(got: list[str], part: str, case: _Case, ordered: bool) -> str:
    """Return the first window that is wrong, one too many or missing, or an empty string."""
    expected = case.parts[part]
    if ordered:
        pairs = enumerate(zip_longest(got, expected, fillvalue="nothing"))
        return next((f"window {i}: {a}, expected: {b}" for i, (a, b) in pairs if a != b), "")
    extra, missing = (list(Counter(a) - Counter(b)) for a, b in ((got, expected), (expected, got)))
    holder = next((name for name, texts in case.parts.items() if extra and extra[0] in texts), None)
    why = "repeated" if holder == part else f"of {holder}" if holder else "no window of the series"
    lines = [f"extra: {extra[0]} ({why})"] if extra else []
    return "\n  ".join(lines + [f"missing: {text}" for text in missing[:1]])
