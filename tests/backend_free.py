"""Which tests prove the same on every backend: what they run is NumPy alone.

CI runs them on PyTorch, by the README's command; ``pytest`` and ``nox`` run them everywhere.
Meanwhile no function of Keras's backend may be called, so a test that does has no place here.
"""

import contextlib
import types

import keras
import keras.src.backend
import pytest

# Folders and files below ``tests/``, or the first letters of names in them.
BACKEND_FREE = [
    "command/test_table.py",
    "evaluation/arithmetic/",
    "evaluation/forecasters/test_baselines.py",
    "evaluation/forecasters/test_table.py",
    "evaluation/score/test_keys.py",
    "evaluation/score/test_matched.py",
    "evaluation/score/test_promise.py",
    "evaluation/test_common_windows.py",
    "layers/test_error_paths.py",
    "layers/test_error_tails.py",
    "layers/test_following.py",
    "panel/test_clock.py::test_a_date_with_an",
    "panel/test_clock.py::test_all_series_are",
    "panel/test_clock.py::test_borders_of_another",
    "panel/test_clock.py::test_calendars_are",
    "panel/test_clock.py::test_days_are_regular_by",
    "panel/test_clock.py::test_days_that_begin_at",
    "panel/test_clock.py::test_errors_name_times_by",
    "panel/test_clock.py::test_frames_of_a_list_may",
    "panel/test_clock.py::test_gaps_are_found_in",
    "panel/test_clock.py::test_marks_that_part_date",
    "panel/test_clock.py::test_nanoseconds_come",
    "panel/test_clock.py::test_origins_put_back_in",
    "panel/test_clock.py::test_the_hour_that_the",
    "panel/test_clock.py::test_the_regular_step_is",
    "panel/test_clock.py::test_the_table_of_align",
    "panel/test_cycles.py",
    "panel/test_flat_series.py",
    "panel/test_frames.py",
    "panel/test_frequency.py",
    "panel/test_holidays.py",
    "panel/test_inferring.py",
    "panel/test_labels.py",
    "panel/test_regular.py",
    "panel/test_roles.py",
    "panel/test_stored.py",
    "panel/test_tables.py",
    "panel/test_texts.py",
    "panel/test_timestamps.py",
    "plotting/test_axes.py",
    "plotting/test_forecast.py",
    "plotting/test_series.py",
    "plotting/test_training.py",
    "presets/regression/test_direct.py",
    "presets/regression/test_ridge.py",
    "presets/test_choice.py",
    "presets/test_event_days.py",
    "presets/test_season.py",
    "presets/test_share.py",
    "scores/test_metrics.py",
    "sweep/test_smoothing.py",
    "sweep/test_suggestion.py",
    "test_datasets.py",
    "test_package.py::test_imports",
    "test_package.py::test_the_test_of_imports",
    "test_quantiles.py",
    "test_quick.py",
    "test_testing.py",
    "windows/test_carried.py",
    "windows/test_cut.py",
    "windows/test_early.py",
    "windows/test_folds.py",
    "windows/test_gather.py",
    "windows/test_geometry.py",
    "windows/test_missing.py",
    "windows/test_moments.py",
    "windows/test_sampler.py",
    "windows/test_scale.py",
    "windows/test_short.py",
    "windows/test_shuffle.py",
    "windows/test_split.py",
]


def beginnings():
    """Return the beginnings of the ids of these tests."""
    return tuple(f"tests/{beginning}" for beginning in BACKEND_FREE)


def _functions():
    """Yield the functions that Keras calls of its backend, with module and name.

    But for one: whether an array or a frame is a tensor, which no backend affirms.
    """
    backend, of_backend = keras.src.backend, f".{keras.backend.backend()}."
    kinds = (backend.core, backend.image, backend.linalg, backend.math, backend.nn, backend.numpy)
    for module in (backend, *kinds, backend.random):
        for name, value in vars(module).items():
            own = isinstance(value, types.FunctionType) and of_backend in value.__module__
            if own and name != "is_tensor":
                yield module, name, value
    yield keras.backend, "backend", keras.backend.backend


FUNCTIONS = list(_functions())


@contextlib.contextmanager
def no_backend():
    """Fail at the first call of the backend, or question which it is."""
    for module, name, _ in FUNCTIONS:
        setattr(module, name, _refused(name))
    try:
        yield
    finally:
        for module, name, function in FUNCTIONS:
            setattr(module, name, function)


def _refused(name):
    def refuse(*_, **__):
        pytest.fail(f"tests/backend_free.py lists this test, but it calls {name} of the backend")

    return refuse
