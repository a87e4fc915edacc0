"""Small models that are judged in no time, for tests of scorecards."""

import functools

import keras

from keras_ts import WindowedInput, WindowedSeries, compare, course_series
from keras_ts.layers import SortedQuantiles


def forecaster(dataset, quantiles=None, carries=True):
    """A linear model for a dataset of one target; it carries its windows if asked to."""
    past = keras.Input(dataset[0][0].shape[1:])
    x = WindowedInput.of(dataset, quantiles)(past) if carries else past
    horizon, levels = dataset.windows.horizon, len(quantiles or [0.5])
    x = keras.layers.Dense(horizon * levels)(keras.layers.Flatten()(x))
    if quantiles:
        x = SortedQuantiles(quantiles)(keras.layers.Reshape((horizon, levels))(x))
    model = keras.Model(past, x)
    model.compile("sgd", "mae")
    return model


@functools.cache
def parts():
    """A training and a held-out part of the course's series."""
    return WindowedSeries(20, horizon=3, batch_size=256).split(course_series(), at=1000)


def judged(quantiles=None, carries=True):
    """A new model and the report that judges it."""
    model = forecaster(parts()[0], quantiles, carries)
    return model, compare(model, *parts())


def changed(model, by=0.5):
    """Change a weight of the model, as training would."""
    weight = next(weight for weight in model.weights if weight.path.endswith("kernel"))
    weight.assign(weight + by)
    return model
