"""``RecurrentPreset``: the frozen description of a recurrent forecaster, which builds its model.

A built model consists of stock Keras layers and keras_ts layers only, so it saves and reloads
without the preset that made it.
"""

from dataclasses import dataclass
from typing import Any, Unpack

import keras

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts._typing import FitArguments
from keras_ts.presets.gate import gated_fit, is_gated
from keras_ts.presets.regression.model import solved
from keras_ts.presets.requirements import required_alone, required_by
from keras_ts.presets.settings import PresetSettings
from keras_ts.presets.training import begun, fitted, warn_beyond_bounds
from keras_ts.presets.training_windows import read_once, training_windows
from keras_ts.presets.wiring import wire
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.spec import WindowSettings
from keras_ts.windows.split import split_parts
from keras_ts.windows.windowed_series import WindowedSeries


@registered
@dataclass(frozen=True, repr=False)
class RecurrentPreset(PresetSettings):
    """A stack of recurrent layers, with the layers that a forecast needs before and after it.

    Built for a dataset, the model takes its windows, and forecasts its targets in their units:

    >>> import numpy as np
    >>> from keras_ts import RecurrentPreset, WindowedSeries
    >>> table = np.random.default_rng(0).normal(size=(60, 3))
    >>> train = WindowedSeries(window=20, horizon=7, target_columns=1).build(table)
    >>> model = RecurrentPreset(cell="gru", units=(16,), window_norm="last").build(train)
    >>> model.input_shape, model.output_shape
    ((None, 20, 3), (None, 7))

    - Columns that are not known ahead are normalized by ``window_norm``; all others, and without it
      all, are standardized by the training part. A calendar stays as it is.
    - The recurrent layers read all columns of ``past`` and the static columns at every step. One
      dense layer then forecasts all steps, and a small dense net adds the effect of a step's
      columns known ahead.
    - With ``smoothing``, the forecast begins as exponential smoothing (``SmoothedForecast``), and
      training corrects it. ``"linear"`` adds a ridge regression of the window, with a penalty that
      an information criterion chooses (Hurvich, Simonoff and Tsai, "Smoothing parameter selection
      in nonparametric regression", 1998).
    - With ``smoothing`` and a ``calendar``, ``build(dataset)`` also finds events, such as holidays
      (``CalendarEvents``): dates of the year, or the n-th weekday of a month, seen twice or more,
      on which the errors of the untrained model are large and of one sign; in a panel, in two
      thirds of the series.
    - If windows may lack values, a step at which no target has a value is masked. Elsewhere the
      column's last value in the window replaces a missing one.

    Args:
        kind: ``"sequence_to_vector"``: one forecast per window.
            ``"sequence_to_sequence"``: one per step of the window.
        cell: ``"simple_rnn"``, ``"gru"`` or ``"lstm"``; or ``"linear"`` for a ridge regression in
            place of a net, ``keras_ts.baselines.LinearRegression``, which is solved and not
            trained.
        units: Units of each recurrent layer, first to last. Defaults to ``(40, 40)``.
        bidirectional: True for layers that read the window both ways. In sequence to sequence,
            every step but the last then sees the values that it forecasts. Defaults to False.
        memory: Number of last steps of the window that the recurrent layers read. Smoothing, the
            linear map and ``window_norm`` read all. Defaults to None: all steps.
        features: Number of columns of the series. Defaults to None: the dataset's columns, or
            without a dataset a plain series, ``(window,)``.
        output_scale: Factor that brings the last layer's output to the units of the series: a
            number, or one per target or output. Defaults to None: no factor.
        window_norm: Statistic that normalizes each window and restores the outputs, as for
            ``NormalizeWindow``: ``"last"``, ``"mean"``, ``"standard"`` or ``"seasonal"``.
            Defaults to None: windows are not normalized.
        period: Steps after which a season repeats, such as 12 for months, for
            ``window_norm="seasonal"`` and ``cell="linear"``. Defaults to None.
        smoothing: ``"mixed"`` or ``"linear"``, as above. It needs ``window_norm``, and is refused
            in sequence to sequence. Defaults to None.
        quantiles: The quantiles to forecast, as for ``SortedQuantiles``: they increase, lie between
            0 and 1, and include 0.5. Defaults to None: a point.
        minimum: The least value of a forecast, in the units of the series, such as 0 for sales. It
            clips outside of training only, as ``Bounded`` does. Defaults to None: no bound.
        maximum: The largest value of a forecast, in the same units. Defaults to None: no bound.
        dropout: Fraction of inputs to drop in each recurrent layer. Defaults to 0.
        recipe: The ``Recipe`` by which ``fit`` trains the model. Defaults to None.

    Input shape:
        ``(batch, window)``, or ``(batch, window, features)``; or a dict of ``past (batch, window,
        features)``, ``future (batch, horizon, columns)`` and ``static (batch, columns)``.

    Output shape:
        ``(batch, outputs)``, or ``(batch, window, outputs)`` for sequence to sequence; with a
        dataset, the shape of its targets. Quantiles add a last axis. Always float32 or finer.

    Raises:
        ValueError: An argument is out of range, or two arguments disagree.
    """

    def windows_for(
        self, series: Any, horizon: int, *, at: Any = None, **settings: Unpack[WindowSettings]
    ) -> WindowedSeries:
        """Choose the windows on which to train this preset, for your table.

        - ``window``: the recipe's, by the number of rows of the longest series before ``at``. A
          recipe with a ``window_share`` makes it an eighth longer than a strong season of a single
          series, if that has at most 672 rows and is seen three times.
        - ``missing``: ``"raise"`` for one series without missing values and without columns known
          ahead, else ``"mask_targets"``.
        - For several series, ``min_inputs`` is two periods and a row, but less where series are
          young: at most the rows of the shortest one. ``weighting`` is the preset's period, or
          ``"inverse_scale"`` without one, and ``remainder`` is ``"pad"``.
        - ``batch_size`` is the recipe's, ``shuffle`` is True, ``targets`` are of the preset's kind.
          ``unseen`` is ``"mean"`` if there are categories and ``categories`` does not name them.

        Example:

        >>> import numpy as np
        >>> from keras_ts import from_preset
        >>> panel = [np.arange(40.0), np.arange(70.0)]
        >>> preset = from_preset("seasonal_gru", period=12)
        >>> windows = preset.windows_for(panel, horizon=6, at=-6)
        >>> windows.window, windows.missing, windows.min_inputs, windows.weighting
        (48, 'mask_targets', 25, 12)

        Args:
            series: Anything that ``WindowedSeries.build`` takes.
            horizon: Number of steps to forecast.
            at: The border at which the training part ends, as in ``WindowedSeries.split``; of
                several, the first. Defaults to None: all rows are trained on.
            **settings: Settings of ``WindowedSeries``, such as ``target_columns``, ``id_column``,
                ``time_column`` and ``calendar``. They override the rules.

        Raises:
            ValueError: Neither the recipe nor ``window`` says how long a window is, or no series is
                longer than the horizon.
        """
        part_of = None if at is None else lambda panel: split_parts(panel, at)[0]
        return training_windows(self, series, horizon, part_of, settings)

    def split(
        self, series: Any, horizon: int, *, at: Any, **settings: Unpack[WindowSettings]
    ) -> tuple[WindowDataset, ...]:
        """Split a table ``at`` borders, into datasets with the windows of ``windows_for``.

        Example:

        >>> import numpy as np
        >>> from keras_ts import from_preset
        >>> panel = [np.arange(40.0), np.arange(70.0)]
        >>> train, held_out = from_preset("seasonal_gru", period=12).split(panel, 6, at=-6)
        >>> train.windows.window, train.num_windows, held_out.num_windows
        (48, 38, 2)

        Args:
            series: Anything that ``WindowedSeries.build`` takes.
            horizon: Number of steps to forecast.
            at: One border or several, as in ``WindowedSeries.split``. The windows are chosen from
                the rows before the first.
            **settings: As for ``windows_for``.

        Returns:
            A dataset for each part: one more than there are borders.

        Raises:
            TypeError, ValueError: As for ``windows_for`` and ``WindowedSeries.split``.
        """
        source = read_once(series, settings)
        return self.windows_for(source, horizon, at=at, **settings).split(source, at)

    def fit(
        self,
        train: WindowDataset,
        *,
        core: Any = None,
        members: int = 1,
        **fit_arguments: Unpack[FitArguments],
    ) -> keras.Model:
        """Build a model for a training part, and train it by the recipe.

        With Keras's ``BackupAndRestore`` among the callbacks, a fit that was killed and is run
        again reads the windows in the order of an uninterrupted fit. ``cell="linear"`` is solved,
        not trained.

        For one series, a net with ``smoothing="linear"`` is blended with the linear regression of
        the same windows; the last quarter of the training part determines the net's share.
        ``model.get_layer("net")`` is then the net, ``"line"`` what it is blended with, and
        ``"gate"`` has the shares. If ``min_inputs`` is less than the window, two fifths of the
        windows, drawn anew for each epoch, lose their oldest inputs.

        Example:

        >>> import numpy as np
        >>> from keras_ts import forecast, from_preset
        >>> series = np.sin(np.arange(80.0))
        >>> preset = from_preset("gru_32x2", units=(4,))
        >>> windows = preset.windows_for(series, horizon=3, at=-10)
        >>> train, held_out = windows.split(series, at=-10)
        >>> model = preset.fit(train, epochs=1, verbose=0)
        >>> forecast(model, series).shape
        (3,)

        Args:
            train: The training part.
            core: A net of your own in place of the recurrent layers, as for ``build``.
            members: Number of nets to train, each from another seed. The model is their mean, and
                has no ``history``. Defaults to 1.
            **fit_arguments: Arguments of Keras's ``fit``, such as ``callbacks`` and
                ``validation_data``. ``epochs`` and ``steps_per_epoch`` replace the recipe's.
                ``verbose`` defaults to None: one line for each net, updated in place.

        Returns:
            The trained model, compiled.

        Raises:
            ValueError: The preset has no recipe, or one for a sweep of the learning rate; the
                dataset does not fit the preset; or several members would be the same.
        """
        if self.recipe is None or self.recipe.steps_per_decade is not None:
            kind = "no recipe" if self.recipe is None else "a recipe for a learning-rate sweep"
            raise ValueError(
                f"fit trains by the preset's recipe, and this preset has {kind}. Pass recipe= to "
                "the preset, or build, compile and fit the model by hand."
            )
        members = _checks.integer("members", members, 1)
        warn_beyond_bounds(self, train)
        if is_gated(self, train, core):
            return gated_fit(self, train, members, {**fit_arguments})
        return fitted(self, train, core, members, {**fit_arguments})

    def build(
        self,
        dataset: WindowDataset | None = None,
        *,
        core: Any = None,
        window: int | None = None,
        outputs: int | None = None,
        target: int | None = None,
    ) -> keras.Model:
        """Return the model, not yet compiled.

        Example:

        >>> import keras, numpy as np
        >>> from keras_ts import RecurrentPreset, WindowedSeries
        >>> table = np.random.default_rng(0).normal(size=(60, 3))
        >>> windows = WindowedSeries(window=20, horizon=7, target_columns=1, future_columns=[2])
        >>> train = windows.build(table)
        >>> def convolution(columns):
        ...     hidden = keras.layers.Conv1D(16, 3, activation="relu")(columns)
        ...     return keras.layers.GlobalAveragePooling1D()(hidden)
        >>> model = RecurrentPreset(window_norm="last").build(train, core=convolution)
        >>> model.predict(train, verbose=0).shape
        (34, 7)

        Args:
            dataset: The training part, which determines windows, columns, targets and the constants
                for standardizing. Defaults to None: the model follows the preset, ``window``,
                ``outputs`` and ``target``.
            core: The net in place of the recurrent layers, from ``(batch, steps, columns)`` to
                ``(batch, features)``, or for sequence to sequence to ``(batch, steps, features)``:
                a Keras layer or model; a function without arguments that returns one; or a function
                of the symbolic tensor. If windows may lack values, a layer with an argument
                ``mask`` in its ``call`` gets the mask; any other core gets it as one more column, 1
                at steps with values. In sequence to sequence a core that looks ahead is refused.
                Defaults to None: the recurrent layers.
            window: Steps in a window. Defaults to None: any number.
            outputs: Number of values forecast at once: steps times targets. Defaults to None: 1.
            target: With ``window_norm`` and several features, the index of the target, the feature
                that restores the units of all outputs. Defaults to None: each output is restored by
                its own feature if ``outputs == features``, otherwise all by the first.

        Raises:
            ValueError: An argument or a setting of the preset disagrees with the dataset; or
                ``core`` returns another shape, looks ahead, or is in another model.
        """
        by_hand: dict[str, Any] = {"window": window, "outputs": outputs, "target": target}
        for name, value in by_hand.items():
            if value is not None:
                by_hand[name] = _checks.integer(name, value, 0 if name == "target" else 1)
        if self.cell == "linear" and (dataset is None or core is not None):
            raise ValueError(
                "cell='linear' is solved from a dataset, and has no net. Pass windows.build(series)"
                " as dataset, and leave core out."
            )
        if dataset is None:
            return wire(required_alone(self, by_hand), core).model
        if not isinstance(dataset, WindowDataset):
            hint = " Pass windows.build(series)." if hasattr(dataset, "build") else ""
            raise TypeError(
                f"dataset must be a WindowDataset. Received: {type(dataset).__name__}.{hint}"
            )
        needs = required_by(self, dataset, by_hand)
        if self.cell == "linear":
            return solved(needs, dataset)
        return begun(needs, core, dataset)
