"""``SeriesLayer``: the base of layers that take a series in its own units.

Under a half-precision policy, Keras would cast the inputs first: 70,000 would become infinite, and
a level would lose its last digits. These layers compute in float32 at least.
"""

from typing import Any

import keras

from keras_ts import _checks
from keras_ts._dtypes import at_least_float32


class SeriesLayer(keras.layers.Layer):
    """A layer whose inputs Keras does not cast; by default its output has the input's shape."""

    # The arguments that the config holds, each kept in an attribute of the same name.
    _settings: tuple[str, ...] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    @property
    def _float_dtype(self) -> str:
        """The dtype that the layer computes in, float32 under a half-precision policy."""
        return at_least_float32(self)

    def _weight(
        self, name: str, shape: Any, initializer: Any = "zeros", trainable: bool = True
    ) -> Any:
        """Make a weight that mixed precision does not cast."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            trainable=trainable,
            dtype=self._float_dtype,
            autocast=False,
        )

    def __repr__(self) -> str:
        settings = ((name, getattr(self, name, None)) for name in self._settings)
        shown = [
            f", {name}={_checks.shown(value)}"
            for name, value in settings
            if value is not None and value is not False and not isinstance(value, dict)
        ]
        return f"{super().__repr__()[:-1]}{''.join(shown)}>"

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the output's shape and dtype."""
        shapes = keras.tree.map_structure(lambda x: x.shape, inputs)
        return keras.KerasTensor(self.compute_output_shape(shapes), dtype=self._float_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's settings, as plain values."""
        values = {name: getattr(self, name) for name in self._settings}
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        return {**super().get_config(), **values, **lists}
