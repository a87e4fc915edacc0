"""A picture of errors has a line for each forecaster, or for each fold and for all."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from keras_ts.plotting.errors import plot_errors, plot_folds


def test_lines_of_folds_of_all_and_of_a_baseline():
    folds = np.array([[1.0, 2.0], [3.0, np.nan]])
    axes = plot_folds(
        np.array([1, 2]), folds, np.array([2.0, 2.0]), "RMSSE", {"naive": np.array([4.0, 5.0])}
    )
    assert [line.get_label() for line in axes.lines][::2] == ["each fold", "all folds"]
    assert axes.lines[-1].get_label() == "best baseline: naive"
    assert axes.lines[-1].get_ydata().tolist() == [4.0, 5.0]
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), folds[1])
    assert axes.get_ylabel() == "RMSSE"


def test_a_line_for_each_forecaster(tmp_path):
    axes = Figure().subplots()
    open_before = plt.get_fignums()
    errors = {"_model$": [1.0, None, 3.0], "naive": [2.0, 2.0, 2.0]}
    axes = plot_errors(errors, "MAE", ax=axes, filepath=tmp_path / "e.png")
    assert (tmp_path / "e.png").read_bytes()[:4] == b"\x89PNG"
    model, naive = axes.lines
    np.testing.assert_array_equal(model.get_ydata(), [1, np.nan, 3])
    assert naive.get_xdata().tolist() == [1, 2, 3]
    assert [line.get_label() for line in axes.lines] == [r" _model\$", "naive"]
    assert axes.get_ylabel() == "MAE"
    assert plt.get_fignums() == open_before  # Nobody has to close it.
