"""Builds recurrent forecasters from frozen descriptions.

A built model consists of stock Keras layers and keras_ts layers only, so it saves and
reloads without the preset that made it.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import keras

from keras_ts._registration import registered
from keras_ts.layers.windowed_input import WindowedInput
from keras_ts.presets.events import set_calendar_events
from keras_ts.presets.linear_path import fit_linear_path
from keras_ts.presets.requirements import Requirements, required_by
from keras_ts.presets.settings import PresetSettings
from keras_ts.presets.wiring import has_events, wire
from keras_ts.windows.dataset import WindowDataset, in_time_order
from keras_ts.windows.split import without_missing


@registered
@dataclass(frozen=True)
class RecurrentPreset(PresetSettings):
    """A stack of recurrent layers, with the layers that a forecast needs before and behind it.

    Built for a dataset, the model takes its windows and gives its targets, in their own units:

    >>> import numpy as np
    >>> from keras_ts import RecurrentPreset, WindowedSeries
    >>> table = np.random.default_rng(0).normal(size=(60, 3))
    >>> train = WindowedSeries(window=20, horizon=7, target_columns=1).build(table)
    >>> model = RecurrentPreset(cell="gru", units=(16,), window_norm="last").build(train)
    >>> model.input_shape, model.output_shape
    ((None, 20, 3), (None, 7))

    Built alone, it follows its settings and nothing else:

    >>> model = RecurrentPreset(cell="gru", units=(16,), window=20, window_norm="last").build()
    >>> model.input_shape, model.output_shape
    ((None, 20), (None, 1))

    The wiring, where there is a dataset, and the reason for each choice:

    - Columns that are not known ahead are normalized by ``window_norm``. Without it (and without
      ``output_scale``), constants of the training part standardize them and bring the outputs
      back: a recurrent layer's ``tanh`` answers to nothing far from 0.
    - Columns known ahead and static columns are standardized by constants of the training part,
      for a window's own statistics would hide that a promotion runs all week. The sines and
      cosines of a calendar stay as they are. A column that is constant there becomes 0.
    - The recurrent layers read all columns of ``past`` side by side, and the static columns at
      every step: that holds for every cell, and for layers that read both ways, where an initial
      state would need another form for each.
    - One dense layer forecasts all steps from what the recurrent layers give. Each step's columns
      known ahead add an effect to the targets of that step alone: a small net of two dense layers
      takes the columns and the recurrent layers' outputs, and is the same for all steps, since a
      promotion does on the fifth day what it does on the first.
    - If the dataset is a single series, that effect is in units of the training part, outside
      ``window_norm``: a window without a promotion has a small scale, and would shrink the
      promotion that follows it. In a panel, whose series differ in size, it is in units of the
      window.
    - With ``smoothing``, ``SmoothedForecast`` stands between the recurrent layers and the dense
      one, whose weights then begin at 0: at first the net forecasts as smoothing does, and learns
      where to depart from it. The effect of columns known ahead then begins at 0, too.
    - ``smoothing="linear"`` adds ``LinearForecast``, the ridge regression on the window of what
      smoothing leaves, with the penalty that an information criterion chooses (Hurvich, Simonoff
      and Tsai, "Smoothing parameter selection in nonparametric regression", 1998); few windows give
      no map. It reads up to 65,536 windows of the training part, evenly spread. Trained beside the
      net instead, it would fit the noise of windows that the net has seen often.
    - ``smoothing="linear"`` for a single series adds ``CalendarEvents`` as well, if a ``calendar``
      is all that is known ahead. An event is a date, or a phase of another cycle, at which the
      forecasts that the model begins with err each time: the median error is large beside the
      others, so is the latest, and chance would not repeat it. So one day of a year, which a net
      takes for an outlier, is known from the second time on. Early forecasts must miss half of it
      too: the day after a holiday is no event. Beside other columns known ahead there are no
      events, for one of those may be the reason.
    - Windows with ``missing="mask"`` or ``"keep"`` may lack values. ``MaskMissing`` masks each step
      at which no target has a value, and ``MaskLike`` puts that mask on all columns, so that such a
      step enters neither statistics nor recurrent layers. At the other steps ``CarryForward`` fills
      a missing value with the last known one of its column in the window, masked step or not;
      before a column's first value in a window, it counts as the column's level in that window
      (``window_norm``), or as its mean over the training part. In sequence to sequence ``Unmask``
      stands behind the recurrent layers: a masked step is forecast from what came before it. A
      missing value among targets or ``future``, which ``"keep"`` lets through, makes the loss NaN,
      and ``build`` warns of it.
    - Quantiles are brought to their units, and sorted last. All of this is float32 where the
      policy is half precision, which holds a series' level to three digits.

    Args:
        kind: ``"sequence_to_vector"``: one forecast per window.
            ``"sequence_to_sequence"``: one per step.
        cell: ``"simple_rnn"``, ``"gru"`` or ``"lstm"``.
        units: Units of each recurrent layer, first to last. Defaults to ``(40, 40)``.
        bidirectional: True for layers that read the window both ways. In sequence to
            sequence, every step but the last then sees the value that it forecasts, so only the
            last step's error means anything. Defaults to False.
        window: Steps in a window. Defaults to None: any number, or the dataset's.
        features: Columns of the series. Defaults to None: a plain series, ``(window,)``,
            which ``ExpandSeries`` gives its axis, or the dataset's columns.
        outputs: Values forecast at once: a horizon, the target columns, or with several of both
            their product. Defaults to None: 1, or what the dataset asks for.
        output_scale: Factor that brings the last layer's output to the units of the series: a
            number, or one per output. Defaults to None: no factor.
        window_norm: Statistic that normalizes each window, and brings the output back:
            ``"last"`` (last value and standard deviation), ``"mean"``, ``"standard"`` (mean
            and standard deviation), or ``"seasonal"`` (the season with ``period``, then as
            ``"last"``; the window is a whole number of periods, two or more). In sequence to
            sequence each step uses only the steps up to it, and ``"seasonal"`` is refused. Defaults
            to None: no normalization by windows.
        period: Steps in a season, for ``window_norm="seasonal"``, such as 12 for months. Defaults
            to None.
        smoothing: ``"mixed"`` to begin with forecasts by exponential smoothing, which
            ``SmoothedForecast`` mixes for each window by what the recurrent layers give, and to let
            the dense layer correct them; ``"linear"`` to add a linear map of the window besides,
            which windows of any length have not. ``build(dataset)`` sets that map by ridge
            regression and freezes it; built alone, it begins at 0 and is trained. Smoothing needs
            ``window_norm``, and is refused in sequence to sequence. Defaults to None.
        memory: Steps that the recurrent layers read, the last ones of the window; smoothing, the
            linear map and ``window_norm`` take all. Refused in sequence to sequence. Defaults to
            None: all steps.
        target: With ``window_norm``, several features and no dataset, index of the feature whose
            statistics bring every output back to its units. Defaults to None: if
            ``outputs == features``, each output is brought back by its own feature, otherwise all
            by the first. A dataset knows its target.
        quantiles: Levels of the quantiles to forecast, as for ``SortedQuantiles``: they increase,
            lie between 0 and 1, and hold 0.5. Defaults to None: a point.
        dropout: Fraction of inputs to drop in each recurrent layer. Defaults to 0.
        recipe: The ``Recipe`` for training the model, which the named presets have. Defaults to
            None.

    Input shape:
        ``(batch, window)``, or ``(batch, window, features)``; with a dataset whose inputs are a
        dict, that dict: ``past (batch, window, features)``, ``future (batch, horizon, columns)``
        and ``static (batch, columns)``.

    Output shape:
        ``(batch, outputs)``, or ``(batch, window, outputs)`` for sequence to sequence. With a
        dataset the shape of its targets, but that a single value keeps its axis: ``(batch, 1)``,
        ``(batch, window, 1)``. A last axis for the quantiles if there are any.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or two of them disagree.
    """

    def build(self, dataset: WindowDataset | None = None) -> keras.Model:
        """Return the model, not yet compiled.

        Example:

        >>> import numpy as np
        >>> from keras_ts import RecurrentPreset, WindowedSeries
        >>> table = np.random.default_rng(0).normal(size=(60, 3))
        >>> windows = WindowedSeries(window=20, horizon=7, target_columns=1, future_columns=[2])
        >>> train = windows.build(table)
        >>> model = RecurrentPreset(cell="gru", units=(16,), window_norm="last").build(train)
        >>> model.predict(train, verbose=0).shape
        (34, 7)

        Args:
            dataset: The training part, whose windows, columns and constants the model is made for.
                Defaults to None: the model follows the preset's settings alone.

        Raises:
            TypeError: ``dataset`` is not a ``WindowDataset``.
            ValueError: A setting of the preset disagrees with the dataset.
        """
        if dataset is None:
            return wire(self, self._alone())
        if not isinstance(dataset, WindowDataset):
            hint = " Pass windows.build(series)." if hasattr(dataset, "build") else ""
            raise TypeError(
                f"dataset must be a WindowDataset. Received: {type(dataset).__name__}.{hint}"
            )
        needs = required_by(dataset)
        self._check_agrees(needs, dataset)
        if dataset.windows.missing == "keep":
            _warn_of_missing_ahead(dataset)
        model = wire(self, needs, WindowedInput.of(dataset, quantiles=self.quantiles))
        probe = fit_linear_path(model, dataset)
        if has_events(self, needs):
            assert probe is not None
            assert needs.units is not None
            set_calendar_events(model, probe, dataset, needs.units)
        return model

    def _alone(self) -> Requirements:
        """Return what the preset requires where there is no dataset to ask."""
        outputs, features = self.outputs or 1, self.features or 1
        by_own = self.window_norm is not None and self.target is None and outputs == features
        return Requirements(
            window=self.window,
            features=self.features,
            steps=1 if by_own else outputs,
            targets=None,
            shape=(outputs,),
        )

    def _check_agrees(self, needs: Requirements, dataset: WindowDataset) -> None:
        """Refuse a dataset that disagrees with what was set by hand."""
        windows = dataset.windows
        if self.kind != f"sequence_to_{windows.targets}":
            raise ValueError(
                f"kind={self.kind!r} forecasts otherwise than the dataset's windows, "
                f"targets={windows.targets!r}. Use kind='sequence_to_{windows.targets}', or "
                f"windows with targets={self.kind.removeprefix('sequence_to_')!r}."
            )
        if self.period is not None and windows.sampling_rate > 1:
            raise ValueError(
                "window_norm='seasonal' counts the steps of a period in a window, and the "
                f"dataset's windows leave some out: sampling_rate={windows.sampling_rate}. Use "
                "windows with sampling_rate=1, or another window_norm."
            )
        columns = 1 if needs.features is None else needs.features
        values = math.prod(needs.shape)
        _agree("window", self.window, windows.window, f"windows of {windows.window} steps")
        _agree("features", self.features, columns, f"{columns} columns, {dataset.columns['past']}")
        _agree(
            "outputs", self.outputs, values,
            f"{values} values to forecast at once, {needs.steps} steps of "
            f"{needs.targets_per_step} targets",
        )  # fmt: skip
        if self.target is not None:
            target = dataset.columns["target"]
            places = [dataset.columns["past"].index(name) for name in target]
            alone = places[0] if len(places) == 1 else places
            _agree("target", self.target, alone, f"the target {target}, column {alone}")
        scales = len(self.output_scale) if isinstance(self.output_scale, tuple) else 1
        if scales not in (1, values, needs.targets_per_step):
            raise ValueError(
                f"output_scale has {scales} entries, and the dataset has {values} values to "
                "forecast at once. Give a number, or leave output_scale out."
            )


def _warn_of_missing_ahead(dataset: WindowDataset) -> None:
    """Warn of windows that make the loss NaN: no mask of inputs keeps a target out of it."""
    source = in_time_order(dataset)
    windows = source.sampler.ranges
    kept = without_missing(source.panel, source.spec, windows, inputs=False)
    if kept.total < windows.total:
        warnings.warn(
            f"{windows.total - kept.total} of {windows.total} windows have a missing value among "
            "their targets or future columns. The loss of a batch with one of them is NaN, and so "
            'may be all weights after it. To train, use windows with missing="mask", which leave '
            "these out, or fill the values.",
            stacklevel=3,
        )


def _agree(name: str, given: int | None, read: Any, told: str) -> None:
    if given is not None and given != read:
        raise ValueError(
            f"{name}={given} disagrees with the dataset, which has {told}. Leave {name} out: "
            "build(dataset) reads it."
        )


def sequence_to_vector(**settings: Any) -> keras.Model:
    """Build a model that forecasts once per window.

    Example:

    >>> from keras_ts import sequence_to_vector
    >>> sequence_to_vector(cell="lstm", units=(8,), window=20).output_shape
    (None, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``.
    """
    return RecurrentPreset("sequence_to_vector", **settings).build()


def sequence_to_sequence(**settings: Any) -> keras.Model:
    """Build a model that forecasts at every step of a window.

    Example:

    >>> from keras_ts import sequence_to_sequence
    >>> sequence_to_sequence(units=(8,), window=20).output_shape
    (None, 20, 1)

    Args:
        **settings: Arguments of ``RecurrentPreset`` other than ``kind``.
    """
    return RecurrentPreset("sequence_to_sequence", **settings).build()
