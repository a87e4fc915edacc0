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
from keras_ts.presets.initial_fit.regression import solved
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

    Built without a dataset, the model follows the preset's settings and the arguments of ``build``:

    >>> model = RecurrentPreset(cell="gru", units=(16,), window_norm="last").build(window=20)
    >>> model.input_shape, model.output_shape
    ((None, 20), (None, 1))

    A model for a dataset works as follows:

    - The columns that are not known ahead are normalized by ``window_norm``. Without it, and
      without ``output_scale``, means and standard deviations of the training part standardize them.
    - Columns known ahead and static columns are standardized by the training part. The sines and
      cosines of a calendar stay as they are.
    - The recurrent layers read all columns of ``past`` side by side, and the static columns at
      every step. One dense layer then forecasts all steps.
    - A small dense net, the same for all steps, turns the recurrent state and a step's columns
      known ahead into an effect on the forecast of that step. The effect is a multiple of the
      target's standard deviation in the training part; for a panel with ``window_norm``, of the
      window's scale.
    - With ``smoothing``, the forecast begins as exponential smoothing, ``SmoothedForecast``, and
      training corrects it. Quantiles begin as this forecast plus quantiles of its errors on the
      training part, less the median error.
    - ``smoothing="linear"`` also adds ``LinearForecast``, a ridge regression from the window to the
      errors of smoothing. It is fitted on up to 65,536 windows, evenly spread over the training
      part, with a penalty that an information criterion chooses (Hurvich, Simonoff and Tsai,
      "Smoothing parameter selection in nonparametric regression", 1998); on few windows it may
      forecast 0. For a single series it also reads cycles of a ``calendar`` longer than the window.
    - With ``smoothing`` and a ``calendar``, ``build(dataset)`` also adds ``CalendarEvents``, such
      as holidays. An event is a date of ``"year"``, seen twice or more, at which the median and the
      latest error of the untrained model are large and of one sign. In daily rows with ``"week"``
      and ``"year"`` it may also be the n-th weekday of a month, and for a single series a phase of
      any cycle. In a panel, two thirds of the series must show it, and its effect is in units of
      the root mean square of the window. First, a ridge regression on the other columns known ahead
      is subtracted from the errors, so that a yearly promotion is no event.
    - If windows have ``missing="mask"``, ``"mask_targets"`` or ``"keep"``, a step at which
      no target has a value is masked. At other steps a missing value becomes the column's last
      value in the window; if there is none yet, its level in the window (with ``window_norm``) or
      its mean over the training part. With ``"keep"``, ``build`` warns of missing values among
      targets or ``future``, since the loss is then NaN.
    - The outputs are in the units of their targets, and quantiles are sorted. Outside of training
      outputs are clipped to ``minimum`` and ``maximum``. All of this is float32 even under a
      half-precision policy.

    Args:
        kind: ``"sequence_to_vector"``: one forecast per window.
            ``"sequence_to_sequence"``: one per step of the window.
        cell: ``"simple_rnn"``, ``"gru"`` or ``"lstm"``; or ``"linear"`` for a ridge regression in
            place of a net, ``keras_ts.baselines.LinearRegression``, which ``build(dataset)`` solves
            in closed form. Its quantiles are the forecast plus quantiles of its errors on the last
            third of the training part, less the median error. Of the other settings, it takes
            ``features``, ``period``, ``quantiles``, bounds and ``recipe``.
        units: Units of each recurrent layer, first to last. Defaults to ``(40, 40)``.
        bidirectional: True for layers that read the window both ways. In sequence to sequence,
            every step but the last then sees the values that it forecasts, and only the last step's
            error means anything. Defaults to False.
        memory: Number of last steps of the window that the recurrent layers read. Smoothing, the
            linear map and ``window_norm`` read all. Refused in sequence to sequence. Defaults to
            None: all steps.
        features: Number of columns of the series. Defaults to None: the dataset's columns, or
            without a dataset a plain series, ``(window,)``, to which ``ExpandSeries`` gives an
            axis.
        output_scale: Factor that brings the last layer's output to the units of the series: a
            number, or one per target or output. Defaults to None: no factor.
        window_norm: Statistic that normalizes each window and restores the outputs: ``"last"``
            (last value and standard deviation), ``"mean"``, ``"standard"`` (mean and standard
            deviation), or ``"seasonal"`` (as for ``"last"``, once the season of ``period`` steps is
            subtracted; the window is a whole number of periods, two or more). In sequence to
            sequence each step uses only the steps up to it, and ``"seasonal"`` is refused. Defaults
            to None: windows are not normalized.
        period: Steps after which a season repeats, for ``window_norm="seasonal"``, such as 12 for
            months. For ``cell="linear"``, it makes the recipe's window a whole number of periods.
            Defaults to None.
        smoothing: ``"mixed"``: ``SmoothedForecast`` mixes forecasts by exponential smoothing, with
            shares that depend on the recurrent layers, and the dense layer corrects the mixture.
            ``"linear"`` adds a linear map of the window. ``build(dataset)`` sets it by ridge
            regression and freezes it. ``build(window=...)`` sets it to 0, and leaves it to
            training; without ``window`` there is no map. Smoothing needs ``window_norm``, and is
            refused in sequence to sequence. Defaults to None.
        quantiles: The quantiles to forecast, as for ``SortedQuantiles``: they increase, lie between
            0 and 1, and include 0.5. Defaults to None: a point.
        minimum: The least value of a forecast, in the units of the series, such as 0 for sales. The
            model then ends in ``Bounded``, which clips outside of training only. Defaults to None:
            no bound.
        maximum: The largest value of a forecast, in the same units. Defaults to None: no bound.
        dropout: Fraction of inputs to drop in each recurrent layer. Defaults to 0.
        recipe: The ``Recipe`` by which ``fit`` trains the model; most named presets have one.
            Defaults to None.

    Input shape:
        ``(batch, window)``, or ``(batch, window, features)``; with a dataset whose inputs are a
        dict, that dict: ``past (batch, window, features)``, ``future (batch, horizon, columns)``
        and ``static (batch, columns)``.

    Output shape:
        ``(batch, outputs)``, or ``(batch, window, outputs)`` for sequence to sequence. With a
        dataset, the shape of its targets, where a single value keeps its axis: ``(batch, 1)``,
        ``(batch, window, 1)``. Quantiles add a last axis.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument is out of range, or two arguments disagree.
    """

    def windows_for(
        self, series: Any, horizon: int, *, at: Any = None, **settings: Unpack[WindowSettings]
    ) -> WindowedSeries:
        """Choose the windows on which to train this preset, for your table.

        - ``window``: the recipe's, by the number of rows of the longest series before ``at``. With
          a recipe that has a ``window_share``, such as that of ``smooth_gru``, a single series with
          a strong season, no shorter than this window, gets a window an eighth longer than the
          season. The season has at most 672 rows, a week of quarter hours, and must be seen three
          times before ``at``. ``gap`` plus ``horizon`` must be less than the recipe's window, and
          ``sampling_rate`` 1.
        - ``missing``: ``"raise"`` for one series without missing values and without columns known
          ahead, else ``"mask_targets"``.
        - For several series, if missing inputs are masked, ``min_inputs`` is two periods and a row,
          but at most the rows of the shortest series, so that short series are trained on and
          forecast, too. It is reduced until the series of median length has as many origins as a
          period has rows, or half of its rows before the horizon if they are fewer. It is 4 or
          more, but at most the window and the rows of the longest series before its targets.
        - For several series, ``weighting`` is the preset's period, or ``"inverse_scale"`` without
          one, so that large series do not dominate. ``remainder`` is ``"pad"``.
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
            TypeError: A setting is unknown or of the wrong type.
            ValueError: Neither the recipe nor ``window`` says how long a window is; ``window`` is
                not two or more whole periods of a season that the preset subtracts; no series is
                longer than the horizon; or the series cannot be read.
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

        ``recipe.compile`` compiles the model, and ``recipe.epochs_for`` says how many epochs it is
        trained. With Keras's ``BackupAndRestore`` among the callbacks, a fit that was killed and is
        run again reads the windows in the order of an uninterrupted fit. ``cell="linear"`` is
        solved, not trained, and arguments of Keras's ``fit`` have no effect.

        For one series, a net with ``smoothing="linear"`` is blended with the linear regression of
        the same windows. The last quarter of the training part determines the net's share, for each
        step and target, of all quantiles by that of the median. The regression knows no events: if
        the net found some that have a name, and errs less there even untrained, the untrained net
        takes the regression's place. ``model.get_layer("net")`` is then the net, ``"line"`` what it
        is blended with, and ``"gate"`` has the shares. Nothing is blended for a panel, with a
        ``core`` or ``min_inputs=0``, or if the last quarter or the rest has fewer windows than a
        batch.

        With ``smoothing``, a model forecasts well even untrained, and training on a few
        overlapping windows of one series would make it worse. If the windows fill only a part of
        one batch of the recipe, the learning rate is multiplied by this part, unless columns are
        known ahead.

        If ``min_inputs`` is less than the window, two fifths of the windows, drawn anew for each
        epoch, lose their oldest inputs, like windows of a series that has just begun.

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
            members: Number of nets to train, each from another seed. The model is their mean, for
                quantiles level by level, so that its error depends less on seeds. Training takes
                ``members`` times as long. ``fine_tune`` trains each net further. With several,
                the model has no ``history``. Defaults to 1.
            **fit_arguments: Arguments of Keras's ``fit``, such as ``callbacks`` and
                ``validation_data``. ``epochs`` and ``steps_per_epoch`` replace the recipe's; a
                learning rate that decays does so over the new number of updates. ``shuffle``
                defaults to False, since the dataset shuffles its windows. ``verbose`` defaults to
                None: one line for each net shows the steps, the time left and the losses, and is
                updated in place; in a file, only its last state is written. 0, 1 and 2 mean the
                same as in Keras.

        Returns:
            The trained model, compiled.

        Raises:
            TypeError: ``members`` is not an integer, or several members get a ``CallbackList``.
            ValueError: The preset has no recipe, or one for a sweep of the learning rate; the
                dataset does not fit the preset; or several members would be the same, as with
                ``cell="linear"``, or with a ``core`` that is one layer.
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

        >>> import numpy as np
        >>> from keras_ts import RecurrentPreset, WindowedSeries
        >>> table = np.random.default_rng(0).normal(size=(60, 3))
        >>> windows = WindowedSeries(window=20, horizon=7, target_columns=1, future_columns=[2])
        >>> train = windows.build(table)
        >>> model = RecurrentPreset(cell="gru", units=(16,), window_norm="last").build(train)
        >>> model.predict(train, verbose=0).shape
        (34, 7)

        With a net of your own in place of the recurrent layers, here a convolution:

        >>> import keras
        >>> def convolution(columns):
        ...     hidden = keras.layers.Conv1D(16, 3, activation="relu")(columns)
        ...     return keras.layers.GlobalAveragePooling1D()(hidden)
        >>> model = RecurrentPreset(window_norm="last").build(train, core=convolution)
        >>> model.output_shape
        (None, 7)

        Args:
            dataset: The training part, which determines windows, columns, targets and the constants
                for standardizing. ``window``, ``outputs`` and ``target`` may then be left out, and
                must agree with it. Defaults to None: the model follows the preset and these three.
            core: The net in place of the recurrent layers, from ``(batch, steps, columns)`` to
                ``(batch, features)``, or for sequence to sequence to ``(batch, steps, features)``:

                - A Keras layer or model. It serves one model, and is refused at the next build.
                - A function without required arguments that returns a layer or model. It is called
                  at each build.
                - A function from the symbolic tensor of the columns to that of the features.

                If windows may lack values, a layer with an argument ``mask`` in its ``call``, such
                as Keras's recurrent layers, gets the mask. Any other core, and any model, gets the
                mask as one more column, 1 at steps with values. At other steps all columns are 0.
                In sequence to sequence a core that looks ahead is refused. The core reads the last
                ``memory`` steps. ``cell``, ``bidirectional`` and ``dropout`` have no effect. Of
                ``units`` only the last number counts, the width of the net for columns known ahead.
                Defaults to None: the recurrent layers.
            window: Steps in a window. Defaults to None: any number.
            outputs: Number of values forecast at once: steps times targets. Defaults to None: 1.
            target: With ``window_norm`` and several features, the index of the target, the feature
                that restores the units of all outputs. Defaults to None: each output is restored by
                its own feature if ``outputs == features``, otherwise all by the first.

        Raises:
            TypeError: ``dataset`` is not a ``WindowDataset``, ``core`` is none of these, or another
                argument is not an integer.
            ValueError: An argument is out of range, or an argument or a setting of the preset
                disagrees with the dataset; or ``core`` returns another shape, looks ahead, or is in
                another model.
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
