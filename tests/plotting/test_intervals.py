"""A picture of intervals has a point and an interval for each label, the first on top."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from keras_ts.plotting.axes import ALARM, MODEL, QUIET, ink
from keras_ts.plotting.errors import draw_intervals, draw_verdict

SAYS = {1: "matters", -1: "misleads", 0: "cannot be told from noise"}


def draw(**options):
    return draw_intervals(
        ["units", "noise", "_price $", "off", "visits"],
        np.array([0.5, 0.01, 0.2, np.nan, -0.2]),
        np.array([0.4, -0.1, np.nan, np.nan, -0.3]),
        np.array([0.6, 0.1, np.nan, np.nan, -0.1]),
        ["", "", "", "never changes", ""],
        "increase",
        SAYS,
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
    axes = draw_intervals([f"c{n}" for n in range(40)], many, many, many, [""] * 40, "skill", SAYS)
    assert axes.figure.get_figheight() > 2 * draw().figure.get_figheight()
    own = plt.figure(figsize=(5, 3)).subplots()
    assert draw(ax=own, filepath=tmp_path / "i.svg") is own
    assert own.figure.get_figheight() == 3
    assert (tmp_path / "i.svg").exists()


def test_a_model_that_equals_its_baseline_shows_no_rounding():
    axes = draw_intervals(["line"], *np.array([[0.0], [-6e-8], [6e-8]]), [""], "skill", SAYS)
    left, right = axes.get_xlim()
    assert left <= -1
    assert right >= 1


def test_a_verdict_has_skills_errors_and_the_reliability_of_quantiles(tmp_path):
    skills = {"a": (0.2, 0.1, 0.3), "b": (-7.3, -9.0, -5.0), "drift": (-0.5, -np.inf, 0.1)}
    errors = {"a": [1.0, 2.0], "b": [9.0, 9.0], "naive": [2.0, 3.0]}
    levels, under, up_to = (0.1, 0.5), np.array([0.0, 0.4]), np.array([0.2, 0.4])
    below = {"a": (levels, under, up_to), "naive": (levels, under, under)}
    top = draw_verdict(skills, errors, below, "MASE", filepath=tmp_path / "v.png")
    assert (tmp_path / "v.png").exists()
    assert top.get_xlabel() == "skill over naive by MASE (%)"
    assert [label.get_text() for label in top.get_yticklabels()] == ["a", "b", "drift"]
    assert top.texts[0].get_text().strip() == "-730 %"
    assert min(line.get_xdata()[0] for line in top.lines) == -100
    first, steps, reliable = top.figure.axes
    assert first is top
    drawn = {line.get_label(): line.get_ydata().tolist() for line in steps.lines}
    assert drawn == errors
    known, one, other = reliable.lines
    np.testing.assert_allclose(one.get_ydata(), [0.1, 0.4])
    assert (one.get_color(), other.get_color()) == (MODEL, ink())
    assert list(known.get_xdata()) == list(known.get_ydata()) == [0, 1]
    assert [text.get_text() for text in steps.get_legend().get_texts()] == ["a", "b", "naive"]
    own = plt.figure().subplots()
    assert draw_verdict(skills, errors, below, "MASE", ax=own) is own
    assert own.figure.axes == [own]
    single = draw_verdict(skills, {"a": [1.0], "naive": [2.0]}, {}, "MAE")
    assert len(single.figure.axes) == 1
