"""The picture of importance has a point and an interval for each column, the first on top."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_ts.plotting.axes import MODEL, QUIET
from keras_ts.plotting.importance import draw_importance


def draw(**options):
    return draw_importance(
        ["units", "noise", "_price $", "off"],
        np.array([0.5, 0.01, 0.2, np.nan]),
        np.array([0.4, -0.1, np.nan, np.nan]),
        np.array([0.6, 0.1, np.nan, np.nan]),
        ["", "", "", "never changes"],
        "MAE",
        **options,
    )


def test_points_and_intervals():
    axes = draw()
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(point.get_xdata()[0]) for point in points] == pytest.approx([50, 1, 20])
    assert [int(point.get_ydata()[0]) for point in points] == [0, 1, 2]
    assert [point.get_color() for point in points] == [MODEL, QUIET, QUIET]
    interval = axes.lines[1]
    np.testing.assert_allclose(interval.get_xdata(), [40, 60])
    bottom, top = axes.get_ylim()
    assert bottom > top
    (remark,) = axes.texts
    assert (remark.get_text().strip(), remark.get_position()) == ("never changes", (0, 3))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["units", "noise", r" _price \$", "off"]


def test_a_new_figure_is_as_high_as_its_columns(tmp_path):
    many = np.linspace(1, 0, 40)
    axes = draw_importance([f"c{n}" for n in range(40)], many, many, many, [""] * 40, "MAE")
    assert axes.figure.get_figheight() > 2 * draw().figure.get_figheight()
    own = plt.figure(figsize=(5, 3)).subplots()
    assert draw(ax=own, filepath=tmp_path / "i.svg") is own
    assert own.figure.get_figheight() == 3
    assert (tmp_path / "i.svg").exists()
