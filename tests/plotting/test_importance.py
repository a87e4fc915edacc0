"""The picture of importance has a point and an interval for each column, the first on top."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_ts.plotting.axes import ALARM, MODEL, QUIET, ink
from keras_ts.plotting.errors import draw_importance


def draw(**options):
    return draw_importance(
        ["units", "noise", "_price $", "off", "visits"],
        np.array([0.5, 0.01, 0.2, np.nan, -0.2]),
        np.array([0.4, -0.1, np.nan, np.nan, -0.3]),
        np.array([0.6, 0.1, np.nan, np.nan, -0.1]),
        ["", "", "", "never changes", ""],
        "MAE",
        **options,
    )


def test_points_and_intervals():
    axes = draw()
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(point.get_xdata()[0]) for point in points] == pytest.approx([50, 1, 20, -20])
    assert [int(point.get_ydata()[0]) for point in points] == [0, 1, 2, 4]
    colors = [MODEL, QUIET, ink(), ALARM]
    assert [point.get_color() for point in points] == colors
    # A point without an interval is hollow.
    colors[2] = "none"
    assert [point.get_markerfacecolor() for point in points] == colors
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "matters", "cannot be told from noise", "too few for an interval", "misleads"
    ]  # fmt: skip
    interval = axes.lines[1]
    np.testing.assert_allclose(interval.get_xdata(), [40, 60])
    bottom, top = axes.get_ylim()
    assert bottom > top
    (remark,) = axes.texts
    assert (remark.get_text().strip(), remark.get_position()) == ("never changes", (0, 3))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["units", "noise", r" _price \$", "off", "visits"]


def test_a_new_figure_is_as_high_as_its_columns(tmp_path):
    many = np.linspace(1, 0, 40)
    axes = draw_importance([f"c{n}" for n in range(40)], many, many, many, [""] * 40, "MAE")
    assert axes.figure.get_figheight() > 2 * draw().figure.get_figheight()
    own = plt.figure(figsize=(5, 3)).subplots()
    assert draw(ax=own, filepath=tmp_path / "i.svg") is own
    assert own.figure.get_figheight() == 3
    assert (tmp_path / "i.svg").exists()


def test_without_a_point_there_is_no_legend():
    nothing = np.array([np.nan])
    axes = draw_importance(["off"], nothing, nothing, nothing, ["never changes"], "MAE")
    assert axes.get_legend() is None
