"""Hypothesis strategies of small series, panels and settings."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from keras_ts._typing import Array
from keras_ts.panel.roles import COVARIATES
from keras_ts.windows.windowed_series import WindowedSeries

Strategy = st.SearchStrategy


# Only functions written for these settings pass with them: they turn inputs into a dict, add
# weights, change the order, or add windows that begin before a series.
_NAMED_ONLY = {
    "shuffle", "remainder", "min_inputs", *(role.setting for role in COVARIATES),
}  # fmt: skip


def series(*, min_length: int = 1, max_length: int = 20, **kind: Any) -> Strategy[Array]:
    """Return a strategy of series whose values encode their positions, or are drawn.

    Example:

    >>> from hypothesis import find
    >>> find(series(min_length=3), lambda drawn: True).tolist()
    [0.0, 1.0, 2.0]
    >>> find(series(columns=2), lambda drawn: len(drawn) > 1).tolist()
    [[0.0, 1.0], [10.0, 11.0]]

    Args:
        min_length: Fewest positions. Defaults to 1.
        max_length: Most positions. Defaults to 20.
        **kind: ``columns``, ``dtype`` and ``elements``, as in ``panels``.
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
    """Return a strategy of lists of series of unequal length, empty and short ones included.

    Example:

    >>> from hypothesis import find
    >>> [array.tolist() for array in find(panels(min_series=2, min_length=2), lambda drawn: True)]
    [[0.0, 1.0], [100.0, 101.0]]

    Args:
        min_series: Fewest series. Defaults to 1.
        max_series: Most series. Defaults to 3.
        min_length: Fewest positions in a series. Defaults to 0.
        max_length: Most positions in a series. Defaults to 20.
        columns: Number of columns. Defaults to None: shape ``(time,)``.
        dtype: Dtype of the arrays. Defaults to ``"float32"``.
        elements: A strategy of single values, which may include NaN. Defaults to None: each value
            encodes its position, and no two values of a panel are equal.
    """
    width = columns or 1
    place = 1 if width == 1 else 10 ** len(str(width - 1))
    series_step = place * max(100, 10 ** len(str(max_length)))

    def one_series(number: int, size: int) -> Strategy[Array]:
        shape = (size,) if columns is None else (size, width)
        values = np.add.outer(number * series_step + place * np.arange(size), np.arange(width))
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
    """Return a strategy of small windows, of which the settings named in ``vary`` vary.

    Example:

    >>> from hypothesis import find
    >>> drawn = find(windowed_series("window", "batch_size"), lambda w: w.batch_size < 32)
    >>> drawn == WindowedSeries(1, batch_size=1)
    True

    Args:
        *vary: Names of arguments of ``WindowedSeries``; the others keep their defaults. ``window``
            always varies, up to 4; ``horizon``, ``stride`` and ``sampling_rate`` up to 3, ``gap``
            up to 2. For larger ones, pass ``st.builds(WindowedSeries, st.integers(1, 30))``
            instead. These vary only if named: ``future_columns`` and ``static_columns``, which
            turn inputs into a dict; ``remainder``, which adds weights; ``shuffle``; and
            ``min_inputs``, with which windows begin before their series (under
            ``missing="mask"``, or ``"mask_targets"`` for sequences). Without names, all others
            vary.
        columns: Number of columns from which ``target_columns`` chooses. Defaults to None: a series
            of shape ``(time,)``, which has no ``target_columns``.

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
        **{
            str(role.setting): st.none() if columns is None else st.none() | some
            for role in COVARIATES
        },
        "min_inputs": st.none() | st.integers(0, 4),
    }
    if unknown := set(vary) - set(strategies):
        raise ValueError(f"vary takes any of {list(strategies)}. Received: {sorted(unknown)}.")
    names = {"window", *vary} if vary else strategies.keys() - _NAMED_ONLY
    chosen = {name: strategy for name, strategy in strategies.items() if name in names}
    built: Strategy[Any] = st.fixed_dictionaries(chosen).map(_built)
    return built.filter(lambda w: w is not None and _leaves_a_target(w, columns or 1))


def _built(settings: dict[str, Any]) -> WindowedSeries | None:
    """Return the windows with these settings, or None if two settings disagree."""
    if settings.get("min_inputs") is not None:
        sequence = settings.get("targets") == "sequence"
        settings = {
            **settings,
            "min_inputs": min(max(settings["min_inputs"], int(sequence)), settings["window"]),
            "missing": "mask_targets" if sequence else "mask",
        }
    try:
        return WindowedSeries(**settings)
    except ValueError:
        return None


def _leaves_a_target(w: WindowedSeries, columns: int) -> bool:
    """Return True if a column is left to forecast."""
    return w.target_columns is not None or len(w.planned) + len(w.per_series) < columns
