"""``fine_tune``: trains a copy of a model further, such as on rows that came since."""

from typing import Any

import keras
import numpy as np

from keras_ts import _keras_private
from keras_ts._models import check_model
from keras_ts._progress import quiet
from keras_ts._quantiles import pair_of
from keras_ts.evaluation.calibrate import calibrate, check_enough, with_interval
from keras_ts.evaluation.judged import JudgedWindows
from keras_ts.evaluation.tuning import CURE, NOT_COMPILED, settings_of, trained_further
from keras_ts.interface import Interface, remember, remembered
from keras_ts.layers.conformal_interval import ConformalInterval, checked_coverage
from keras_ts.panel.labels import places_of
from keras_ts.windows.dataset import WindowDataset


def fine_tune(
    model: keras.Model,
    train: WindowDataset,
    *,
    epochs: int | None = None,
    learning_rate: float | None = None,
    calibration: WindowDataset | None = None,
    coverage: Any = None,
    verbose: int = 1,
) -> keras.Model:
    """Return a copy of a model that is trained further, such as on the rows of the last months.

    It is trained with the loss of ``model`` and a new optimizer of the same settings, but with a
    small, constant learning rate. Frozen layers stay frozen. A model of the preset "linear" is
    solved anew, on the windows in ``train`` alone. A calibrated model is trained without its
    intervals, and calibrated again on ``calibration``. The result has no scorecard, since it was
    not judged yet.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedInput, WindowedSeries, course_series, fine_tune
    >>> windows = WindowedSeries(20)
    >>> first, latest = windows.split(course_series(), at=1000)
    >>> past = keras.Input((20,))
    >>> model = keras.Model(past, keras.layers.Dense(1)(WindowedInput.of(first)(past)))
    >>> model.compile("adam", "mae")
    >>> tuned = fine_tune(model, latest, epochs=2, learning_rate=1e-3)
    >>> before, after = (net.evaluate(latest, verbose=0) for net in (model, tuned))
    >>> after < before
    True

    Args:
        model: The model, compiled or calibrated, as it was trained or loaded.
        train: The windows to train on, cut as the model was trained, such as by
            ``load_windows(filepath).build(table)``.
        epochs: Passes over the windows. Defaults to None: 5. For "linear", leave it out.
        learning_rate: The rate, which stays the same throughout. Defaults to None: a tenth of the
            highest rate that the model was compiled with; 1e-4 if that is unknown or 0.
        calibration: Windows to calibrate on, which hold none of the targets in ``train``. Needed
            for a calibrated model; any other model gets intervals from them. Defaults to None.
        coverage: Share of values that an interval should contain, as for ``calibrate``. Defaults to
            None: that of the calibrated model; for any other, the default of ``calibrate``.
        verbose: 1 to show progress if the training takes seconds, 0 to show nothing. Defaults to 1.

    Returns:
        The new model, compiled as ``model`` was; a calibrated one is not compiled.

    Raises:
        ValueError: The windows or columns are not those of the model; it was never compiled;
            ``calibration`` is missing, too short, or shares targets with ``train``; or the training
            diverges.
    """
    model = check_model(model, built=True)
    trained = JudgedWindows("train", train)
    interval = Interface(model, None).last_layer
    net, model_coverage, joint = model, None, False
    if isinstance(interval, ConformalInterval):
        if calibration is None:
            raise ValueError(
                "model is calibrated, and the width of its intervals comes from the errors of the "
                "net as it was. Pass calibration=, windows that train holds no targets of: "
                "train, calibration = load_windows(filepath).split(table, at=...)."
            )
        settings, model_coverage = interval.compiled_with, interval.coverage
        joint = interval.paths is not None
        if settings is None:
            raise ValueError(
                "model keeps no loss to train its net with: when it was calibrated, the net was "
                "not compiled or had settings that cannot be saved, or keras_ts was older. "
                "Fine-tune the net that was calibrated, and calibrate the result."
            )
        net = _net(model, interval)
    else:
        settings = settings_of(model)
        if settings is None:
            raise ValueError(NOT_COMPILED)
    if coverage is None:
        coverage = model_coverage
    elif calibration is None:
        raise ValueError(
            "coverage sets the share of values in intervals, and these need windows: pass "
            "calibration=, too."
        )
    if calibration is not None:
        # Checked before the training, which takes long.
        judged = JudgedWindows("calibration", calibration)
        interface = Interface.of(net, calibration, cure=CURE)
        if coverage is not None:
            coverage = checked_coverage(coverage)
            check_enough(np.array([[judged.count]]), coverage, "calibration")
            if interface.quantiles is not None:
                for share in coverage:
                    pair_of(share, interface.quantiles)
        _check_apart(trained, judged)
    with quiet(not verbose):
        tuned = trained_further(
            net, train, settings, name="train", epochs=epochs, learning_rate=learning_rate
        )
        if calibration is None:
            return tuned
        return calibrate(tuned, calibration, coverage, joint=joint)


def _net(model: keras.Model, interval: ConformalInterval) -> keras.Model:
    """Return a calibrated model without its intervals, on the same layers."""

    def given(inputs: Any) -> Any:
        """Return the outputs under the intervals, without an axis that ``calibrate`` added."""
        outputs, axis = inputs[0], 1 + interval.sequence
        last, before = _keras_private.made_by(outputs)
        if isinstance(last, keras.layers.Reshape):
            shape = before[0].shape
            if outputs.shape == (*shape[:axis], 1, *shape[axis:]):
                return before[0]
        return outputs

    before = with_interval(model.output, given)
    net = keras.Model(model.input, before, name=model.name.removesuffix("_calibrated"))
    carried = remembered(model)
    remember(net, carried and carried.with_quantiles(interval.given_quantiles))
    return net


def _check_apart(train: JudgedWindows, calibration: JudgedWindows) -> None:
    """Refuse calibration windows that share targets with ``train``."""
    if train.panel.clock is None and train.panel is not calibration.panel:
        return
    (first, last), (begin, end) = train.ends(), calibration.ends()
    if first.dtype.kind != begin.dtype.kind:
        return
    places = places_of(calibration.labels, train.labels)
    series = np.flatnonzero(places >= 0)
    places = places[series]
    both = (first[places] <= end[series]) & (begin[series] <= last[places])
    if both.any():
        raise ValueError(
            f"In {int(both.sum())} series calibration holds targets that train holds, too. Errors "
            "on what the net was trained on are too small, and so would be the intervals. Split "
            "the table: train, calibration = windows.split(table, at=...)."
        )
