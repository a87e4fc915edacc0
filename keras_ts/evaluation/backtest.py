"""Backtests a model: trains it anew for each fold of a series, and judges its later forecasts.

One split judges a model on one stretch of time. Folds judge it on several, each with a model that
was trained on what came before.
"""

import os
import random
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._models import check_model
from keras_ts._typing import Array
from keras_ts.evaluation.backtest_report import BacktestReport, joined
from keras_ts.evaluation.described import described
from keras_ts.evaluation.fold_store import Fold, FoldStore, digest
from keras_ts.evaluation.reading import JudgedWindows
from keras_ts.interface import Interface
from keras_ts.windows.dataset import WindowDataset
from keras_ts.windows.windowed_series import WindowedSeries

Build = Callable[[WindowDataset], keras.Model]


def backtest(
    build: Build,
    series: Any,
    windows: WindowedSeries,
    n_splits: int = 5,
    *,
    test_size: int | None = None,
    sample_weight: Any = None,
    refit: bool = True,
    folder: str | os.PathLike[str] | None = None,
    **fit_arguments: Any,
) -> BacktestReport:
    """Train and judge a fresh model on each fold of a series.

    The folds are those of ``WindowedSeries.folds``: training parts that grow, each followed by its
    validation part. A fold's model sees no value later than its training part, and nothing is
    carried from one fold to the next. Before each fold, the random numbers of Keras, Python and
    NumPy are seeded from the number of the fold and the seed of ``windows``, so a fold's forecasts
    are the same whatever ran before it. The random state is not put back afterwards.

    With ``targets="sequence"`` only the last step of a window is judged, as in ``compare``.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedSeries, backtest, course_series
    >>> def build(train):
    ...     model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    ...     model.compile(keras.optimizers.Adam(1e-3), "mae")
    ...     return model
    >>> windows = WindowedSeries(20, shuffle=True, seed=1)
    >>> report = backtest(build, course_series(), windows, n_splits=3, epochs=1, verbose=0)
    >>> list(report.table)
    ['fold', 'series', 'origin', 'step', 'target', 'actual', 'prediction']
    >>> len(report.scores(by="fold")["mae"])
    3

    Args:
        build: A function that takes a fold's training part, a ``WindowDataset``, and returns a
            fresh, compiled model. It may fit anything to that part, as ``preset.build(train)``
            does, and must use no other data.
        series: Anything that ``windows.build`` takes.
        windows: The settings of the windows. Its ``seed`` fixes every result; without one, a seed
            is drawn from Python's ``random``, which ``keras.utils.set_random_seed`` seeds.
        n_splits: Number of folds. Defaults to 5.
        test_size: As for ``WindowedSeries.folds``.
        sample_weight: As for ``WindowedSeries.build``; the scores are not weighted.
        refit: False to train only on the first fold, and to judge that model on every fold.
            Defaults to True.
        folder: A folder that keeps the predictions of finished folds and, with ``refit=False``, the
            weights of the model. After an interruption, the same call resumes from it, with the
            same result. Arguments of ``fit`` are compared by value, callbacks by their attributes
            and code; a warning names those that cannot be compared. The code of ``build`` is not
            compared, so name another folder for another model. Defaults to None: nothing is kept.
        **fit_arguments: Arguments of ``fit``, such as ``epochs``. ``verbose="auto"``, the default,
            shows a progress bar of the folds, and 0 shows nothing; other values go to ``fit``.

    Returns:
        A ``BacktestReport``.

    Raises:
        TypeError: ``build`` is not a function or does not return a Keras model, or ``windows`` is
            not a ``WindowedSeries``.
        ValueError: ``build`` returns a model that is not compiled, or one that shares weights with
            an earlier fold's; the series is too short for the folds; or ``folder`` holds a backtest
            with other settings or data, or a broken file.
    """
    if isinstance(build, keras.Model) or not callable(build):
        raise TypeError(
            "build must be a function that takes a fold's training part and returns a fresh, "
            f"compiled model. Received: {type(build).__name__}."
        )
    if not isinstance(windows, WindowedSeries):
        raise TypeError(f"windows must be a WindowedSeries. Received: {type(windows).__name__}.")
    refit = _checks.boolean("refit", refit)
    store = None if folder is None else FoldStore(folder)
    seed = windows.seed
    if seed is None:
        seed = random.getrandbits(32) if store is None or store.seed is None else store.seed
    pairs = windows.folds(series, n_splits, test_size=test_size, sample_weight=sample_weight)
    trainer = _Trainer(build, dict(fit_arguments))
    verbose = fit_arguments.get("verbose", "auto")
    bar = keras.utils.Progbar(n_splits, verbose=int(verbose == "auto"), unit_name="fold")
    folds, levels, once = [], None, None
    for number in range(n_splits):
        # Seeded first, since making the dataset may draw the order of its training windows.
        keras.utils.set_random_seed(_fold_seed(seed, number))
        train, validation = next(pairs)
        judged = JudgedWindows("validation", validation)
        if number == 0:
            if store is not None:
                settings = {
                    "seed": seed,
                    **described({"n_splits": n_splits, "test_size": test_size})[0],
                    "refit": refit,
                    "windows": windows.get_config(),
                    "fit_arguments": _described(fit_arguments),
                    "backend": keras.backend.backend(),
                    "data": digest(judged.panel, sample_weight),
                }
                store.begin(settings)
            if not refit:
                once = trainer.once(train, store, n_splits)
        done = None if store is None else store.load(number, judged.shape)
        if done is None:
            model = trainer.model(train) if once is None else once()
            if once is not None:
                keras.utils.set_random_seed(_fold_seed(seed, number))
            done = _predicted(model, judged)
            if store is not None:
                store.save(number, *done)
        predictions, fold_levels = done
        if number and fold_levels != levels:
            raise ValueError(
                "build must return models with the same quantiles for every fold. Received: "
                f"{levels} in fold {number - 1} and {fold_levels} in fold {number}."
            )
        levels = fold_levels
        folds.append(_rows(JudgedWindows("train", train), judged, predictions, levels))
        bar.update(number + 1)
    return joined(folds, levels)


class _Trainer:
    """Builds and trains the model of a fold, and checks that it is a fresh one."""

    def __init__(self, build: Build, fit_arguments: dict[str, Any]) -> None:
        self._build, self._arguments = build, fit_arguments
        if self._arguments.get("verbose", "auto") == "auto":
            self._arguments["verbose"] = 0
        self._earlier: list[weakref.ref[Any]] = []

    def model(self, train: WindowDataset) -> keras.Model:
        """Return a fresh model, trained on ``train``."""
        model = self._fresh(train)
        model.fit(train, **self._arguments)
        self._earlier = [weakref.ref(variable) for variable in model.variables]
        return model

    def once(
        self, train: WindowDataset, store: FoldStore | None, n_splits: int
    ) -> Callable[[], keras.Model] | None:
        """Return a function that returns one model, each time as it was when its training ended.

        Its variables are restored each time, so no fold depends on those before it, even if
        predicting changes the model, and a resumed backtest uses the model of an uninterrupted one.
        Return None if all folds are done.
        """
        kept = None if store is None else store.load_model()
        if kept is None:
            model = self.model(train)
            # Copied, since some backends return views.
            kept = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
            if store is not None:
                store.save_model(kept)
        elif store is not None and all(store.has(fold) for fold in range(n_splits)):
            return None
        else:
            model = self._fresh(train)
            if not model.built:
                model.predict_on_batch(train[0][0])
        variables, values = model.variables, kept
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise ValueError(
                "build returns a model whose weights have other shapes than those kept in folder. "
                "Name another folder, or remove this one."
            )

        def restored() -> keras.Model:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            return model

        return restored

    def _fresh(self, train: WindowDataset) -> keras.Model:
        model = self._build(train)
        self._check_fresh(model)
        return model

    def _check_fresh(self, model: Any) -> None:
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"build must return a Keras model. It returned: {type(model).__name__}."
            )
        check_model(model)
        if not model.compiled:
            raise ValueError("build must return a compiled model: call model.compile in it.")
        earlier = {id(reference()) for reference in self._earlier if reference() is not None}
        if any(id(variable) in earlier for variable in model.variables):
            raise ValueError(
                "build returned a model that shares weights with an earlier fold's, which has been "
                "trained on. Make the layers within build, or clone the model there: "
                "keras.models.clone_model."
            )


def _fold_seed(seed: int, fold: int) -> int:
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])


def _predicted(model: keras.Model, judged: JudgedWindows) -> Fold:
    levels = Interface.of(model, judged.dataset).quantiles
    blocks = [judged.predictions("the model", model, levels, block) for block in judged.blocks()]
    return np.concatenate(blocks), levels


def _rows(
    train: JudgedWindows,
    judged: JudgedWindows,
    predictions: Array,
    levels: tuple[float, ...] | None,
) -> tuple[dict[str, Array], Array, Array]:
    """Return a fold's table, its predictions, and the scale of each value for MASE."""
    points = predictions if levels is None else predictions[..., levels.index(0.5)]
    table = judged.table(points)
    series = judged.ranges.series_of(np.arange(judged.count))
    scales = np.repeat(train.scales(1)[series], judged.geometry.horizon, axis=0)
    return table, predictions, scales.reshape(table["actual"].shape)


def _described(fit_arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as plain values for ``folder``; warn of those it cannot compare."""
    values, unknown = described(
        {name: value for name, value in fit_arguments.items() if name != "verbose"}
    )
    if unknown:
        warnings.warn(
            f"folder cannot compare {', '.join(unknown)} when the backtest is resumed: name "
            "another folder if you change that.",
            stacklevel=3,
        )
    return values
