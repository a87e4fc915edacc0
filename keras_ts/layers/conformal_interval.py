"""``ConformalInterval``: prediction intervals whose width comes from held-out errors.

An interval is the forecast plus and minus a margin. Margins are in units of the window's mean
absolute step, so one model serves series of any size. ``calibrate`` puts the layer behind a model.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from keras import ops

from keras_ts import _checks
from keras_ts._quantiles import outer_levels, pair_of
from keras_ts._registration import registered
from keras_ts._typing import Array
from keras_ts.layers.base import SeriesLayer
from keras_ts.layers.error_paths import ErrorPaths
from keras_ts.layers.following import Followed, Scores, unmoved
from keras_ts.layers.plumbing import selected
from keras_ts.windows.carried import checked_spans
from keras_ts.windows.scale import known_steps, window_scales

# A config with more coverages or classes is broken or malicious.
_MOST_COVERAGES, _MOST_CLASSES = 100, 64


@registered
class ConformalInterval(SeriesLayer):
    """Adds calibrated intervals to forecasts: lower bounds, point or median, upper bounds.

    ``calibrate`` makes the layer and sets its weights: ``margins``, ``(coverages[, classes],
    steps[, targets])``, with classes if ``inputs`` is set; and ``floor``, the least scale of a
    window, by target. In a new layer, both are 0.

    - Around a point, an interval is ``point - margin * scale`` to ``point + margin * scale``: split
      conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-Free
      Predictive Inference for Regression", JASA 2018).
    - Around quantiles, the margin moves the pair of quantiles that belongs to a coverage:
      conformalized quantile regression (Romano, Patterson and Candes, NeurIPS 2019).

    The scale of a window is the mean absolute step of the target within it, but at least ``floor``.

    Example:

    >>> import numpy as np
    >>> from keras_ts.layers import ConformalInterval
    >>> layer = ConformalInterval(0.8)
    >>> past, point = np.array([[1.0, 3.0, 5.0]]), np.array([[7.0, 9.0]])
    >>> _ = layer([point, past])
    >>> _ = layer.margins.assign([[1.0, 2.0]])
    >>> np.asarray(layer([point, past])).tolist()
    [[[5.0, 7.0, 9.0], [5.0, 9.0, 13.0]]]

    Args:
        coverage: Share of values that an interval is to contain, between 0 and 1, or an increasing
            list of shares.
        quantiles: Levels of the quantiles on the last axis of the forecasts, among them the
            two of each coverage: 0.1 and 0.9 for 0.8. Defaults to None: forecasts are points.
        targets: Index of the target in the last axis of the window, or a list of indices.
            Defaults to None: the window has one column.
        sequence: True if forecasts have an axis for the steps of the window. Defaults to False.
        calibrated_on: The range of the targets by which ``calibrate`` set the margins.
        keep_others: True to also return the levels of ``quantiles`` that belong to no coverage.
            Defaults to False: leave them out.
        compiled_with: How the calibrated model was compiled, for ``fine_tune``.
        halves: Shares of values within the first interval, in the first and in the last half of the
            windows that set the margins, if the two differ by more than chance.
        paths: Ranks of errors, from ``calibrate(..., joint=True)``; ``forecast`` draws sample paths
            from them. Defaults to None: no sample paths.
        inputs: Least number of inputs of each class of windows, increasing; each class has separate
            margins: ``[4, 8]`` for 4 to 7, and 8 or more. Defaults to None: one class.
        scores: Quantiles of the errors that set the margins; ``follow`` reads new ones from them.
        followed: The levels of ``scores`` to which ``follow`` moved the margins, and the origins.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name`` and ``dtype``.

    Input shape:
        A list: the forecasts, ``(batch, steps)``, with an axis in front of the steps for
        ``sequence``, and axes behind the steps for targets and for quantiles; and the window in the
        units of the series, ``(batch, window)`` or ``(batch, window, columns)``.

    Output shape:
        The shape of the forecasts, but with a last axis of ``2 * len(coverage) + 1`` in place of
        any axis of quantiles (with ``keep_others``, ``len(quantiles)``), increasing.

    Raises:
        ValueError: An argument is out of range, or ``quantiles`` lack those of a coverage.
    """

    _settings = (
        "coverage", "targets", "sequence", "keep_others", "calibrated_on", "compiled_with",
        "halves",
    )  # fmt: skip

    def __init__(
        self,
        coverage: float | Sequence[float],
        *,
        quantiles: Sequence[float] | None = None,
        targets: int | Sequence[int] | None = None,
        sequence: bool = False,
        keep_others: bool = False,
        calibrated_on: dict[str, list[int]] | str | None = None,
        compiled_with: dict[str, Any] | None = None,
        halves: Sequence[float] | None = None,
        paths: dict[str, Any] | None = None,
        inputs: Sequence[int] | None = None,
        scores: dict[str, Any] | None = None,
        followed: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.coverage = checked_coverage(coverage)
        self.given_quantiles = None if quantiles is None else _checks.levels("quantiles", quantiles)
        self.keep_others = _checks.boolean("keep_others", keep_others)
        self._pairs = [
            None if self.given_quantiles is None else pair_of(share, self.given_quantiles)
            for share in self.coverage
        ]
        self.targets = _checks.indices("targets", targets)
        self.sequence = _checks.boolean("sequence", sequence)
        self.calibrated_on = checked_spans("calibrated_on", calibrated_on)
        # As text, since Keras would track a dict, and callers could change it.
        self._compiled_with = (
            None if compiled_with is None else _checks.json_text("compiled_with", compiled_with)
        )
        self.halves = None if halves is None else _halves(halves)
        self.paths = None if paths is None else ErrorPaths.from_config(paths)
        self.inputs = None if inputs is None else _inputs(inputs)
        self.scores = None if scores is None else Scores.from_config(scores)
        self.followed: Followed | None = None
        if followed is not None:
            self.followed = Followed.from_config(followed, self.scores, len(self.coverage))

    @property
    def compiled_with(self) -> dict[str, Any] | None:
        """``get_compile_config()`` of the calibrated model, or None."""
        return None if self._compiled_with is None else dict(json.loads(self._compiled_with))

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels of the output's last axis, increasing."""
        if self.keep_others and self.given_quantiles is not None:
            return self.given_quantiles
        low, high = zip(*map(outer_levels, self.coverage), strict=True)
        return (*reversed(low), 0.5, *high)

    def build(self, input_shape: Any) -> None:
        """Make a margin for each coverage, class, step and target."""
        axes = self._forecast_axes(input_shape)
        of_paths = None if self.paths is None else self.paths.ranks.shape[1:]
        if of_paths not in (None, (*axes, 1)[:2]):
            raise ValueError(
                "paths must have the steps and targets of the forecast. Received: paths of "
                f"{of_paths}, forecasts of {(*axes, 1)[:2]}."
            )
        classes = () if self.inputs is None else (len(self.inputs),)
        targets = len(self.targets) if isinstance(self.targets, list) else 1
        shape = (len(self.coverage), *classes, *axes)
        self.margins = self._weight("margins", shape, trainable=False)
        self._moved = None
        if self.scores is not None and self.followed is not None:
            self._moved = self._moved_margins(self.scores, self.followed.levels, shape)
        self.floor = self._weight("floor", (targets,), trainable=False)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return bounds and point, in increasing order."""
        forecasts, past = (ops.cast(x, self._float_dtype) for x in inputs)
        past = self._past_of_targets(past)
        scale, known = ops.maximum(window_scales(past, ops), self.floor), known_steps(past, ops)
        point = forecasts
        if self.given_quantiles is not None:
            point = forecasts[..., self.given_quantiles.index(0.5)]
        while len(scale.shape) < len(point.shape):
            scale, known = ops.expand_dims(scale, 1), ops.expand_dims(known, 1)
        if self.inputs is not None and self.inputs[0] <= 1:
            level = ops.mean(ops.abs(point), axis=1 + self.sequence, keepdims=True)
            floor = ops.zeros_like(scale) + self.floor
            scale = ops.where(known > 1, scale, ops.maximum(level, floor))
        margins = ops.convert_to_tensor(self.margins)
        if self._moved is not None:
            margins = ops.where(self._moved[0], ops.cast(self._moved[1], margins.dtype), margins)
        low, high = point, point
        lower: list[Any] = []
        upper: list[Any] = []
        for number, pair in enumerate(self._pairs):
            margin = self._of_class(margins[number], known) * scale
            begin, end = (
                (point, point) if pair is None else (forecasts[..., place] for place in pair)
            )
            # Every interval contains the point and all narrower intervals.
            low, high = ops.minimum(low, begin - margin), ops.maximum(high, end + margin)
            lower.insert(0, low)
            upper.append(high)
        return ops.stack(self._with_others(forecasts, [*lower, point, *upper]), axis=-1)

    def _moved_margins(
        self, scores: Scores, levels: Array, shape: tuple[int, ...]
    ) -> tuple[Array, Array]:
        """Return which margins have moved, and their new values, in the shape of the weight."""
        margins = scores.margins(levels)
        moved = np.broadcast_to((levels != unmoved(self.coverage))[:, None], margins.shape)
        return moved.reshape(shape), margins.reshape(shape)

    def _with_others(self, forecasts: Any, bounds: list[Any]) -> list[Any]:
        """Return the bounds and point, and with ``keep_others`` the other quantiles, clipped."""
        levels = self.given_quantiles
        if not self.keep_others or levels is None:
            return bounds
        middle = levels.index(0.5)
        low, high = zip(*(pair for pair in self._pairs if pair is not None), strict=True)
        fixed = dict(zip((*reversed(low), middle, *high), bounds, strict=True))
        values = [fixed.get(place, forecasts[..., place]) for place in range(len(levels))]
        above, below = range(middle + 1, len(levels)), range(middle - 1, -1, -1)
        for places, back, inner, outer in (
            (above, -1, ops.maximum, ops.minimum),
            (below, 1, ops.minimum, ops.maximum),
        ):
            # From outside in, clip to the bounds further out; then to all values further in.
            for place in reversed(places[:-1]):
                if place not in fixed:
                    values[place] = outer(values[place], values[place - back])
            for place in places:
                values[place] = inner(values[place], values[place + back])
        return values

    def _of_class(self, margins: Any, known: Any) -> Any:
        """Return the margins of each window, by the number of its ``known`` inputs."""
        if self.inputs is None:
            return margins
        chosen = margins[0]
        for place, fewest in enumerate(self.inputs[1:], start=1):
            chosen = ops.where(known >= fewest, margins[place], chosen)
        return chosen

    def _past_of_targets(self, past: Any) -> Any:
        """Return the columns of the targets, ``(batch, window, targets)``."""
        if self.targets is None:
            return past[:, :, None] if len(past.shape) == 2 else past
        if isinstance(self.targets, int):
            return past[..., self.targets : self.targets + 1]
        return selected(past, self.targets)

    def _forecast_axes(self, input_shape: Any) -> tuple[int, ...]:
        """Return the lengths of a forecast's axes of steps and targets, which margins have."""
        forecasts, window = map(tuple, input_shape) if len(input_shape) == 2 else ((), ())
        axes = forecasts[1:]
        if self.given_quantiles is not None:
            axes = axes[:-1] if axes[-1:] == (len(self.given_quantiles),) else ()
        axes = axes[1:] if self.sequence else axes
        targets = (len(self.targets),) if isinstance(self.targets, list) else ()
        plain = len(window) == 2 or (len(window) == 3 and window[2] == 1)
        if (
            len(axes) not in (1, 1 + len(targets))
            or None in axes
            or (targets and axes[-1:] != targets)
            or not (plain if self.targets is None else len(window) == 3)
        ):
            raise ValueError(
                "ConformalInterval takes [forecasts, window]: forecasts (batch, steps), with an "
                "axis in front for sequence=True and axes behind for a list of targets and for "
                "quantiles; the window (batch, window, columns), or (batch, window) without "
                f"targets. Received shapes {_checks.shown(input_shape)} with quantiles="
                f"{_checks.shown(self.given_quantiles)}, targets={_checks.shown(self.targets)}, "
                f"sequence={self.sequence}."
            )
        return axes

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the forecasts' shape, with bounds and point on the last axis."""
        shape = tuple(input_shape[0])
        shape = shape if self.given_quantiles is None else shape[:-1]
        return (*shape, len(self.quantiles))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Pass on the mask of the forecasts."""
        return previous_mask[0] if isinstance(previous_mask, list | tuple) else None

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        given = None if self.given_quantiles is None else list(self.given_quantiles)
        config = {**super().get_config(), "quantiles": given}
        if self.inputs is not None:
            config["inputs"] = list(self.inputs)
        for name in ("paths", "scores", "followed"):
            if (value := getattr(self, name)) is not None:
                config[name] = value.get_config()
        return config


def _halves(halves: Any) -> tuple[float, float]:
    """Return the shares of two halves, or raise an error."""
    listed = halves if isinstance(halves, list | tuple) else [halves]
    shares = [_checks.real("halves", share) for share in listed]
    if len(shares) != 2 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            f"halves must be two shares between 0 and 1. Received: halves={_checks.shown(halves)}."
        )
    return shares[0], shares[1]


def _inputs(inputs: Any) -> tuple[int, ...]:
    """Return the least number of inputs of each class, or raise an error."""
    listed = inputs if isinstance(inputs, list | tuple) else [inputs]
    bounds = tuple(_checks.integer("inputs", bound, 0) for bound in listed)
    if not 0 < len(bounds) <= _MOST_CLASSES or not all(a < b for a, b in pairwise(bounds)):
        raise ValueError(
            f"inputs must be the least number of each class, increasing, {_MOST_CLASSES} at most. "
            f"Received: inputs={_checks.shown(inputs)}."
        )
    return bounds


def checked_coverage(coverage: Any) -> tuple[float, ...]:
    """Return coverages as increasing floats, or raise an error that names them."""
    coverage = _checks.listed(coverage)
    listed = coverage if isinstance(coverage, list | tuple) else [coverage]
    shares = tuple(_checks.real("coverage", share) for share in listed)
    increasing = all(low < high for low, high in pairwise((0.0, *shares, 1.0)))
    if not shares or len(shares) > _MOST_COVERAGES or not increasing:
        raise ValueError(
            "coverage must be a number between 0 and 1, such as 0.8, or a list of them, "
            f"increasing, {_MOST_COVERAGES} at most. Received: coverage={_checks.shown(coverage)}."
        )
    return shares
