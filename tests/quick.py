"""Which tests are tried first after any change: some in every room, a minute in all.

    python -m pytest -m quick tests

They are the fastest of those that prove most: an oracle, an equivalence, a file of old that loads.
"""

# By room of ``imports.ROOMS``: files below ``tests/``, or the first letters of names in them. What
# every room needs has one row.
QUICK = {
    "_": [
        "test_files.py::test_a",
        "test_package.py::test_imports",
        "test_package.py::test_public_names",
    ],
    "layers": [
        "layers/test_bounded.py",
        "layers/test_calendar_events.py",
        "layers/test_conformal_interval.py",
        "layers/test_expand_series.py",
        "layers/test_normalize_window.py::test_a_later_step_changes_no_earlier_output_bit_for_bit[mask2",
        "layers/test_restore_window.py",
        "layers/test_scale_output.py",
        "layers/test_smoothed_forecast.py",
        "layers/test_sorted_quantiles.py",
    ],
    "losses": [
        "test_losses.py::test_the_loss_is_that_of_the_formula",
        "test_losses.py::test_weights_weigh_windows_as_keras_does",
        "test_losses.py::test_the_standardized_error_is_keras_own",
    ],
    "metrics": ["test_metrics.py"],
    "plotting": ["plotting/test_errors.py", "plotting/test_forecast.py"],
    "datasets": ["test_datasets.py"],
    "panel": [
        "panel/test_frames.py",
        "panel/test_texts.py::test_they_equal_columns_made_by_hand",
    ],
    "windows": [
        "windows/test_early.py",
        "windows/test_gather.py",
        "windows/test_geometry.py",
        "windows/test_shuffle.py::test_bijective_for_larger_sizes",
        "windows/test_source.py",
        "windows/test_align.py",
        "windows/test_split.py",
        "windows/test_weights.py::test_a_large_series_does_not_drown_a_small_one",
    ],
    "interface": [
        "test_interface.py::test_quantiles_are_those_of_the_last_layer",
        "test_interface.py::test_windows_that_disagree_are_refused",
    ],
    "scores": ["scores/test_metrics.py", "scores/test_report.py"],
    "presets": [
        "presets/test_description.py::test_inputs_and_outputs_are_those_of_the_dataset[vector-3",
        "presets/regression/test_direct.py::test_it_is_a_ridge_of_each_step",
        "presets/blocks/test_custom_core.py::test_a_layer_that_knows_masks_gets_the_mask_and_others",
        "presets/blocks/test_look_ahead.py::test_the_error_names_the_first_step",
        "presets/blocks/test_normalization.py::test_outputs_come_back_in_the_units_of_their_own_columns",
    ],
    "sweep": [
        "sweep/test_callback.py::test_settings_that_make_no_sweep",
        "sweep/test_smoothing.py",
        "sweep/test_suggestion.py::test_suggestions_do_not_mind_shift_and_scale",
        "sweep/test_session.py::test_also_where_the_fit_is_interrupted[KeyboardInterrupt",
    ],
    "saving": ["saving/test_golden.py::test_keras_files[0.3.0-last", "saving/test_save.py"],
    "forecasting": [
        "forecasting/test_future.py",
        "forecasting/test_frames.py",
        "forecasting/test_forecast.py::test_panels_series_by_series",
    ],
    "exporting": ["exporting/test_description.py", "exporting/test_export.py::test_refuses"],
    "evaluation": [
        "evaluation/test_judge.py",
        "evaluation/test_compare.py",
        "evaluation/arithmetic/test_coverage.py::test_margins",
        "evaluation/arithmetic/test_coverage.py::test_independent",
        "evaluation/test_fine_tune.py::test_a_compiled_model",
        "evaluation/test_importance.py::test_a_column_that_matters",
        "evaluation/test_importance.py::test_increases_are_those",
    ],
    "checks": [
        "checks/test_changeable.py",
        "checks/test_fingerprint.py",
    ],
    "conversion": [
        "conversion/test_migrate.py::test_layers_of_ones_own_by_name_and_by_path",
        "conversion/test_migrate.py::test_refuses",
    ],
    "scale": [
        "scale/test_failing.py",
        "scale/test_writing.py::test_windows_are_those_of_the_sorted_frame",
        "scale/test_store.py::test_a_killed_write_leaves_one_whole_store[4",
    ],
    "command": ["command/test_run.py::test_mistakes_are_one_line_and_status_2[absent"],
    "testing": ["test_testing.py::test_our_own_windows_pass", "test_testing.py::test_off_by_one"],
}


def beginnings():
    """Return the beginnings of the ids of all quick tests."""
    return tuple(f"tests/{beginning}" for tests in QUICK.values() for beginning in tests)
