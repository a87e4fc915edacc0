"""The picture of a model card has a line for the model and one for the baseline."""

import matplotlib.pyplot as plt
import numpy as np

from keras_ts.plotting.errors import plot_errors


def test_a_line_for_each_forecaster(tmp_path):
    open_before = plt.get_fignums()
    errors = {"_model$": [1.0, None, 3.0], "naive": [2.0, 2.0, 2.0]}
    axes = plot_errors(errors, "MAE", tmp_path / "e.png")
    assert (tmp_path / "e.png").read_bytes()[:4] == b"\x89PNG"
    model, naive = axes.lines
    np.testing.assert_array_equal(model.get_ydata(), [1, np.nan, 3])
    assert naive.get_xdata().tolist() == [1, 2, 3]
    assert [line.get_label() for line in axes.lines] == [r" _model\$", "naive"]
    assert axes.get_ylabel() == "MAE"
    assert plt.get_fignums() == open_before  # Nobody has to close it.
