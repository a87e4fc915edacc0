"""``backtest``: trains a fresh model on each fold of a series, and judges its later forecasts."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import keras
import numpy as np

from keras_ts import _checks
from keras_ts._progress import progress_bar, quiet
from keras_ts._quantiles import points_of
from keras_ts._typing import Array, PresetFitArguments
from keras_ts.evaluation.backtests.report import BacktestReport, Part, joined
from keras_ts.evaluation.backtests.training import (
    Build,
    Fold,
    Trainer,
    check_fit_arguments,
    levels_after,
    moved_to,
)
from keras_ts.evaluation.calibrate import calibrate, check_enough
from keras_ts.evaluation.entries import covariates_note
from keras_ts.evaluation.forecasters.forecaster import of_array, of_model
from keras_ts.evaluation.judged import JudgedWindows, NoVerdictError
from keras_ts.evaluation.judgement import seed_name
from keras_ts.evaluation.judging import Judge, season_note, season_of
from keras_ts.evaluation.report import ComparisonReport
from keras_ts.interface import Interface
from keras_ts.layers.conformal_interval import checked_coverage
from keras_ts.panel.labels import by_id_column, label_column
from keras_ts.presets.description import RecurrentPreset
from keras_ts.presets.regression.direct import too_many
from keras_ts.presets.training_windows import check_settings, training_windows
from keras_ts.windows.cut import Fold as FoldParts
from keras_ts.windows.cut import folds_of
from keras_ts.windows.split import FoldSizes, fold_parts
from keras_ts.windows.windowed_series import WindowedSeries

_Made = tuple[FoldParts, JudgedWindows, Fold]
# The name of the backtested model in its report.
_MODEL = "model"
# The columns of the table beside those of ids and quantiles.
_NAMES = ("fold", "seed", "origin", "step", "target", "actual", "prediction")
# The seeds of further runs are numbered from here on, past those of folds.
_RUNS = 1_000_000


def backtest(
    build: Build | RecurrentPreset,
    series: Any,
    windows: WindowedSeries | int | Mapping[str, Any],
    n_splits: int = 5,
    *,
    test_size: int | None = None,
    max_train_size: int | None = None,
    validation_size: int | None = None,
    coverage: Any = None,
    sample_weight: Any = None,
    refit: bool | int = True,
    period: int | None = None,
    baselines: Sequence[Any] | None = None,
    metrics: Sequence[Callable[[Array, Array, Array], Array]] | None = None,
    by: str | None = None,
    seeds: int = 1,
    total: bool = False,
    follow: bool = False,
    **fit_arguments: Unpack[PresetFitArguments],
) -> BacktestReport:
    """Train and judge a fresh model on each fold of a series, beside baselines.

    The folds are those of ``WindowedSeries.folds``: training parts that grow, each followed by its
    test part. No fold's model sees a later value. Before each fold, the random numbers of Keras,
    Python and NumPy are seeded from its number and the seed of ``windows``, so that its forecasts
    do not depend on the folds before it. The baselines are those of ``compare``, fitted on each
    fold, and one verdict covers all folds.

    Example:

    >>> import keras
    >>> from keras_ts import WindowedSeries, backtest, course_series
    >>> def build(train):
    ...     model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    ...     model.compile(keras.optimizers.Adam(1e-3), "mae")
    ...     return model
    >>> windows = WindowedSeries(20, shuffle=True, seed=1)
    >>> report = backtest(build, course_series(), windows, n_splits=3, epochs=1, verbose=0)
    >>> report.best, report.verdicts
    ('theta', {'model': 'loses to'})
    >>> list(report.table)
    ['fold', 'series', 'origin', 'step', 'target', 'actual', 'prediction']

    Args:
        build: A function that takes a fold's training part, a ``WindowDataset``, and returns a
            fresh, compiled model; or a preset with a recipe, which is trained by ``preset.fit``.
        series: Anything that ``WindowedSeries.build`` takes.
        windows: The settings of the windows. With a preset it may be the horizon, or a dict of the
            arguments of ``preset.windows_for``: the preset then chooses the windows from the rows
            that the first fold trains on.
        n_splits: Number of folds. Defaults to 5.
        test_size: As for ``WindowedSeries.folds``.
        max_train_size: Most positions (or timestamps) that a fold reads before its test part.
            Defaults to None: all.
        validation_size: Positions (or timestamps) held out at the end of each training part, as
            ``validation_data`` of ``fit`` and to calibrate ``coverage``. Defaults to None: none.
        coverage: Share of values that a prediction interval should contain, or an increasing list,
            as for ``calibrate``. Defaults to None: no intervals are added.
        sample_weight: As for ``WindowedSeries.build``; the scores are not weighted.
        refit: True to train on every fold, False to train on the first one alone, or ``k`` to train
            on every ``k``-th fold. Defaults to True.
        period: As for ``compare``. Defaults to None: that of a preset, if it has one.
        baselines: As for ``compare``.
        metrics: As for ``compare``. They are columns of ``report.comparison``.
        by: The measure of the verdict, as for ``compare``.
        seeds: How many models to train on each fold. The errors are means over the models, and the
            variance between models widens the interval of the skill. Defaults to 1.
        total: True to judge the total of each window's steps, as for ``compare``. ``coverage`` is
            then calibrated with ``joint=True``. Defaults to False.
        follow: True to start each fold's intervals at the levels to which earlier folds moved them,
            as the function ``follow`` does. Defaults to False: each is as calibrated.
        **fit_arguments: Arguments of ``fit``, such as ``epochs`` and ``callbacks``; with a preset,
            those of ``preset.fit``.

    Returns:
        A ``BacktestReport``.

    Raises:
        ValueError: ``build`` returns a model that is not compiled, or one that shares weights with
            an earlier fold's; the series is too short for the folds; or ``coverage`` comes without
            ``validation_size``.
    """
    sizes = FoldSizes(n_splits, test_size, max_train_size, validation_size)
    n_splits = sizes.n_splits
    windows = _windows(build, series, windows, sizes)
    if isinstance(refit, bool | np.bool_):
        every = 1 if refit else n_splits
    else:
        every = _checks.integer("refit", refit, 1)
    shares = None if coverage is None else checked_coverage(coverage)
    if shares is not None and validation_size is None:
        raise ValueError(
            "coverage needs errors on windows that a fold was not trained on. Pass "
            "validation_size=, the number of positions or timestamps that each fold holds out at "
            "the end of its training part."
        )
    if _checks.boolean("follow", follow) and shares is None:
        raise ValueError("follow=True moves intervals: pass coverage= and validation_size=, too.")
    check_fit_arguments(fit_arguments)
    seeds = _checks.integer("seeds", seeds, 1)
    asked, carried = period, build.period if isinstance(build, RecurrentPreset) else None
    period = season_of(period, carried)
    judge = Judge([_MODEL], period, baselines, metrics, by, windows.targets == "sequence", total)
    seed = windows.seed
    if seed is None:
        seed = random.getrandbits(32)
    trainer = Trainer(build, fit_arguments)

    def trained(windows: WindowedSeries, seed: int) -> Iterator[_Made]:
        """Yield each fold, its judged windows, and what the model of one seed forecasts."""
        datasets = folds_of(windows, series, sizes, sample_weight)
        levels, shared, moved = None, None, None
        for number in range(n_splits):
            # Seeded first, since making the dataset may draw the order of its training windows.
            keras.utils.set_random_seed(_seed_of(seed, number))
            fold = next(datasets)
            if shares is not None and fold.validation is not None:
                # Checked before the training, which takes long.
                check_enough(np.array([[fold.validation.num_windows]]), shares)
            judged = JudgedWindows("validation", fold.test)
            # Columns of ids that the table cannot hold are refused before the training.
            first = label_column(tuple(judged.labels[:1]))
            by_id_column({**dict.fromkeys(_NAMES, first), "series": first})
            if number % every == 0 and every > 1:
                shared = trainer.shared(fold)
            model = trainer.model(fold) if shared is None else shared()
            if shared is not None:
                keras.utils.set_random_seed(_seed_of(seed, number))
            if shares is not None and fold.validation is not None:
                with quiet():
                    model = calibrate(model, fold.validation, shares, joint=total)
                model = model if moved is None else moved_to(moved, model)
            done = _predicted(model, judged, total)
            if number and done.levels != levels:
                raise ValueError(
                    "build must return models with the same quantiles for every fold. Received: "
                    f"{levels} in fold {number - 1} and {done.levels} in fold {number}."
                )
            levels = done.levels
            if follow and fold.validation is not None:
                moved = levels_after(moved, done, judged)
            yield fold, judged, done

    runs = []
    for number in range(seeds):
        run_seed = _seed_of(seed, _RUNS + number) if number else seed
        run_windows = replace(windows, seed=run_seed) if number else windows
        runs.append(trained(run_windows, run_seed))
    bar = progress_bar(n_splits, "fold", fit_arguments.get("verbose") in (None, "auto"))
    parts: list[Part] = []
    many = False  # whether the linear regression reads the past of the target alone
    for number, made in enumerate(zip(*runs, strict=True)):
        # Seeded again, so that baselines do not depend on what the models have drawn.
        keras.utils.set_random_seed(_seed_of(seed, number))
        fold, judged, _ = made[0]
        before = JudgedWindows("train", fold.whole)
        scales, many = before.scales(period or 1), many or too_many(before)
        # A model's NaN is refused as a failure; ``of_array`` would leave it out as missing.
        forecasters = [
            of_array(
                seed_name(_MODEL, place), done.predictions, done.levels, judged, done.totals
            )._replace(lacks="nothing")
            for place, (_, _, done) in enumerate(made)
        ]
        with quiet():
            judge.add(forecasters, before, judged, scales)
        for place, (_, _, done) in enumerate(made):
            keys = {"fold": number} if seeds == 1 else {"fold": number, "seed": place}
            parts.append(_part(keys, scales, judged, done))
        bar.update(number + 1)
    try:
        notes = covariates_note(judged.beyond_targets(), judge.baselines, many)
        notes += season_note(asked, carried, baselines, judged)
        outcome: ComparisonReport | NoVerdictError = judge.report(notes)
    except NoVerdictError as error:
        outcome = error
    return joined(parts, outcome, range(0, n_splits, every), total)


def _windows(build: Any, series: Any, windows: Any, sizes: FoldSizes) -> WindowedSeries:
    """Return the windows of all folds, which a preset may choose."""
    if isinstance(windows, WindowedSeries):
        return windows
    if not isinstance(build, RecurrentPreset):
        raise TypeError(
            f"windows must be a WindowedSeries. Received: {_checks.shown(windows)}. Only a preset "
            "chooses the windows for a horizon."
        )
    settings = dict(windows) if isinstance(windows, Mapping) else {"horizon": windows}
    check_settings(settings)
    if "at" in settings:
        raise TypeError(
            "windows must not hold 'at': they are chosen from the first fold's training part. "
            f"Received: {_checks.shown(windows)}."
        )
    horizon = settings.pop("horizon")
    return training_windows(
        build, series, horizon, lambda panel: fold_parts(panel, sizes)[0].train, settings
    )


def _seed_of(seed: int, number: int) -> int:
    """Return the seed of a fold, or of the run of a further seed."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _predicted(model: keras.Model, judged: JudgedWindows, total: bool) -> Fold:
    interface = Interface.of(model, judged.dataset)
    model_of = of_model("the model", interface, judged)
    forecasts, of_totals = [], []
    for block in judged.blocks():
        forecasts.append(model_of.forecast(block))
        if total and model_of.totals is not None:
            of_totals.append(model_of.totals(block, forecasts[-1], slice(None)))
    totals = np.concatenate(of_totals) if of_totals else None
    scores = getattr(interface.last_layer, "scores", None)
    count = 0 if scores is None else scores.count
    return Fold(np.concatenate(forecasts), model_of.levels, totals, count)


def _part(keys: Mapping[str, int], scales: Array, judged: JudgedWindows, done: Fold) -> Part:
    """Return a fold with its table, which begins with a column for each key."""
    table = judged.table(points_of(done.predictions, done.levels))
    table = {name: np.full(len(table["step"]), key) for name, key in keys.items()} | table
    series = judged.ranges.series_of(np.arange(judged.count))
    scales = np.repeat(scales[series], judged.geometry.horizon, axis=0)
    return Part(table, done, scales.reshape(*table["actual"].shape, 2))
