"""``WindowedInput``: a layer whose config keeps what a forecast needs beside the model.

Keras saves, clones, copies and pickles a model by the configs of its layers. So the windows and
the names of columns go wherever the model goes, even with Keras's own ``model.save``.
"""

from typing import Any, Self

import keras

from keras_ts import _checks
from keras_ts._registration import registered
from keras_ts.panel.settings import Column
from keras_ts.windows.carried import Carried, columns_of, windows_of
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries


@registered
class WindowedInput(keras.layers.Layer):
    """Passes windows on as they are, and keeps in its config how they were cut.

    Put the layer on the input of a model of your own (of several inputs, on ``past``). The model's
    file is then all that ``forecast`` needs, and ``load_windows`` reads the windows from it.

    Example:

    >>> import keras, numpy as np
    >>> from keras_ts import WindowedInput, WindowedSeries
    >>> dataset = WindowedSeries(window=20, horizon=7).build(np.arange(100.0))
    >>> series = keras.Input((20,))
    >>> x = WindowedInput.of(dataset)(series)
    >>> model = keras.Model(series, keras.layers.Dense(7)(x))
    >>> again = keras.models.clone_model(model)
    >>> again.layers[1].windows == dataset.windows
    True

    Args:
        windows: The ``WindowedSeries`` that the model is trained on, or its config.
        columns: The columns by their roles, as ``WindowDataset.columns`` has them. Defaults
            to None: unknown, so that columns are found by position.
        frequency: The step from one timestamp to the next, as ``WindowDataset.frequency`` has it.
            Defaults to None.
        quantiles: The levels of the quantiles that the model forecasts, as for ``SortedQuantiles``.
            Defaults to None: it forecasts a point.
        scorecard: The scores of the model, as ``save_model(model, filepath, report=report)`` puts
            them here; ``keras_ts.scorecard`` reads them. Defaults to None.
        trained_on: The range of the targets on which ``fine_tune`` or ``calibrate(train_on=)``
            trained the model. ``compare`` warns of windows in this range. Defaults to None.
        period: Rows in a season, 2 or more, as for the preset; ``compare`` uses it if no other
            period is passed. Defaults to None.
        ranges: The lowest and the highest value of each column of numbers, by its name;
            ``forecast`` warns of values far outside. Defaults to None: no warning.
        **kwargs: Arguments of ``keras.layers.Layer``, such as ``name``.

    Input shape:
        Any, of any dtype.

    Output shape:
        The shape and dtype of the input.

    Raises:
        TypeError: An argument is of the wrong type, ``scorecard`` holds no plain values, or the
            input is a dict or a list of inputs.
        ValueError: ``columns`` and ``windows`` disagree, or ``quantiles`` do not increase within
            (0, 1) or lack 0.5.
    """

    def __init__(
        self,
        windows: WindowedSeries | dict[str, Any],
        *,
        columns: dict[str, list[Column]] | None = None,
        frequency: str | None = None,
        quantiles: Any = None,
        scorecard: dict[str, Any] | None = None,
        trained_on: dict[str, list[int]] | None = None,
        period: int | None = None,
        ranges: dict[str, list[float]] | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras would cast the series to half precision, which loses its level.
        super().__init__(autocast=False, **kwargs)
        windows = windows_of(windows)
        roles = columns_of(windows, columns)
        self.carried = Carried(
            windows, roles, frequency, quantiles, scorecard, trained_on, period, ranges
        )
        self.supports_masking = True

    @classmethod
    def of(
        cls, dataset: WindowDataset, quantiles: Any = None, period: int | None = None, **kwargs: Any
    ) -> Self:
        """Read windows, columns and frequency from a dataset.

        Args:
            dataset: The dataset that the model is trained on.
            quantiles: As for the layer.
            period: As for the layer.
            **kwargs: Arguments of the layer.
        """
        return cls(**Carried.of(dataset, quantiles, period).get_config(), **kwargs)

    @property
    def windows(self) -> WindowedSeries:
        """The windows that the model was trained on."""
        return self.carried.windows

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the input's shape and dtype."""
        if not hasattr(inputs, "shape"):
            raise TypeError(
                "WindowedInput stands on one input, on 'past' where there are several: "
                f"WindowedInput.of(dataset)(past). Received: {_checks.shown(inputs)}."
            )
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings."""
        return {**super().get_config(), **self.carried.get_config()}
