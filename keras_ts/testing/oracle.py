"""The oracle: cuts windows by plain loops, without the arithmetic of ``keras_ts.windows``."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array
from keras_ts.panel.settings import HANDLING
from keras_ts.windows.windowed_series import WindowedSeries


def reference_windows(series: Any, windows: WindowedSeries) -> tuple[Any, Array]:
    """Return all windows in time order, by plain loops that follow the documentation.

    Example:

    >>> x, y = reference_windows(np.arange(5.0), WindowedSeries(window=3))
    >>> x.tolist(), y.tolist()
    ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [3.0, 4.0])

    Args:
        series: ``(time,)`` or ``(time, columns)``, or a list of such arrays.
        windows: Settings of the windows. Those of batches and their order are ignored.

    Raises:
        ValueError: There is no window, a value is missing and ``missing`` does not allow that, or
            the settings name columns of ids or times, or a calendar.
    """
    cut = list(each_window(series, windows))
    if not cut:
        raise ValueError(f"series gives no window of {shown_settings(windows)}.")
    inputs, targets = [x for x, _, _ in cut], np.array([y for _, y, _ in cut])
    if isinstance(inputs[0], dict):
        return {name: np.array([x[name] for x in inputs]) for name in inputs[0]}, targets
    return np.array(inputs), targets


def each_window(
    series: Any, w: WindowedSeries, at: int | None = None, context: bool = True
) -> Iterator[tuple[Any, Array, str]]:
    """Yield ``(x, y, part)`` for every window: ``part`` of a split at ``at``, or "train"."""
    for name in ("id_column", "time_column", "calendar"):
        if value := getattr(w, name):
            raise ValueError(f"The reference takes only plain arrays. Received: {name}={value!r}.")
    panel = isinstance(series, list | tuple) and all(getattr(part, "ndim", 0) for part in series)
    for array in series if panel else [series]:
        values = np.asarray(array)
        if w.min_inputs is not None and values.dtype.kind != "f":
            values = values.astype(np.result_type(values, np.float32))
        if not w.handling.series and not np.isfinite(values).all():
            others = [name for name, handling in HANDLING.items() if handling.series]
            raise ValueError(f"series has a missing value; pass missing as one of {others}.")
        table = values if values.ndim == 2 else values[:, None]
        width = table.shape[1]
        numbers = np.arange(width)
        static: Any = [numbers[column] for column in w.per_series]
        future: Any = sorted(numbers[column] for column in w.planned)
        rest: Any = [c for c in range(width) if c not in static and c not in future]
        chosen: Any = rest if w.target_columns is None else w.target_columns
        targets = values if values.ndim == 1 else table[:, chosen]
        span = w.sampling_rate * (w.window - 1) + 1 + w.gap + w.horizon
        least = w.window if w.min_inputs is None else w.min_inputs
        for start in range(-w.stride * span, len(values) - span + 1, w.stride):
            inputs = [start + w.sampling_rate * k for k in range(w.window)]
            if sum(p >= 0 for p in inputs) < least or inputs[-1] < -1:
                continue
            origins = inputs if w.targets == "sequence" else inputs[-1:]
            ahead = [[p + w.gap + 1 + h for h in range(w.horizon)] for p in origins]
            x: Any = np.array([_row(values, p) for p in inputs])
            if future or static:
                past: Any = [c for c in range(width) if c not in static]
                x = {"past": [_row(table, p)[past] for p in inputs]}
                if future:
                    x["future"] = [table[p, future] for p in ahead[-1]]
                if static:
                    x["static"] = table[0, static]
                x = {name: np.array(part) for name, part in x.items()}
            y = np.array([[_row(targets, p) for p in row] for row in ahead])
            y = y[:, 0] if w.horizon == 1 else y
            y = y if w.targets == "sequence" else y[0]
            parts = x if isinstance(x, dict) else {"past": x}
            if w.handling.partial:
                if not _some_targets(table, targets, future, inputs if least else None, ahead):
                    continue
            elif w.handling.masked:
                levels = np.array([_row(targets, p) for p in inputs]).reshape(len(inputs), -1)
                if least and not np.isfinite(levels).any(axis=0).all():
                    continue
                parts = {name: part for name, part in parts.items() if name == "future"}
            read = [*parts.values(), y]
            if w.handling.complete == "all" and not all(np.isfinite(part).all() for part in read):
                continue
            part = "train"
            if at is not None and ahead[-1][-1] >= at:
                inside = ahead[0][0] >= at and (context or inputs[0] >= at)
                part = "validation" if inside else "no part"
            yield x, y, part


def _row(values: Array, position: int) -> Any:
    """Return a row of a series, or a row of NaN for a position before it."""
    return values[position] if position >= 0 else np.full(values.shape[1:], np.nan)


def _some_targets(table: Array, targets: Array, future: Any, inputs: Any, ahead: Any) -> bool:
    """Return True if a window has a target value, and all values that its targets need."""
    # A target column with a value ahead needs one at ``inputs``, unless ``inputs`` is None. A step
    # with a target value needs all columns known ahead.
    targets = targets.reshape(len(targets), -1)
    some = False
    for column in range(targets.shape[1]):
        if any(math.isfinite(_row(targets, p)[column]) for row in ahead for p in row):
            some = True
            if inputs and not any(math.isfinite(_row(targets, p)[column]) for p in inputs):
                return False
    for p in ahead[-1]:
        if np.isfinite(targets[p]).any() and not np.isfinite(table[p, future]).all():
            return False
    return some


def shown_settings(windows: WindowedSeries) -> str:
    """Return ``windows`` as code, without settings that are the defaults."""
    settings = [(f.name, getattr(windows, f.name), f.default) for f in _checks.in_order(windows)]
    shown = [f"{name}={value!r}" for name, value, default in settings if value != default]
    return f"WindowedSeries({', '.join(shown)})"
