"""Names from the data are drawn letter by letter, whatever matplotlib would read in them."""

import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text

from keras_ts import plot_forecast, plot_history, plot_series
from keras_ts.plotting.axes import written

NAMES = ["_north", "$a_{b", "$1 to $2", r"\frac{1}{2} $\frac$", "a\nline\tof\x00its own", "n" * 300]
DRAWN = [" _north", "$a_{b", "$1 to $2", r"\frac{1}{2} $\frac$", "a line of its own"]


def shown(texts):
    """Return the letters that matplotlib draws for texts that are no formulas."""
    assert not any(map(is_math_text, texts))
    return [text.replace(r"\$", "$") for text in texts]


@example("_")
@example("$$")
@example(r"\$x\$")
@given(st.text(max_size=40))
def test_a_name_keeps_its_letters(name):
    text = written(name)
    (drawn,) = shown([text])
    assert text[0] != "_"
    assert drawn.strip() == " ".join(name.split()) or not name.isprintable() or not name.strip()


def test_names_that_begin_and_end_differently_stay_apart():
    names = ["north" + "x" * 99, "x" * 99 + "north", "x" * 104]
    assert len({written(name) for name in names}) == 3
    assert all(len(written(name)) == 40 for name in names)


def test_a_panel_and_a_column_of_any_names(tmp_path):
    target = r"$\frac{_units$"
    panel = [{"id": name, target: value} for name in NAMES for value in (1.0, 2.0)]
    ahead = [{"id": name, "step": 1, target: 3.0} for name in NAMES]
    frames = pd.DataFrame(panel), pd.DataFrame(ahead)
    small = plot_forecast(*frames, filepath=tmp_path / "small.png")
    assert shown([ax.get_title(loc="left") for ax in small])[:-1] == DRAWN
    axes = plot_forecast(*frames, ids=["_north"], filepath=tmp_path / "names.png")
    assert shown([axes.get_legend().get_texts()[0].get_text()]) == [" _north"]
    assert shown([axes.get_ylabel()]) == [target]


def test_a_label_and_a_metric_of_any_name(tmp_path):
    axes = plot_series(np.arange(3.0), label="_$\\frac$", filepath=tmp_path / "series.png")
    assert shown([axes.get_legend().get_texts()[0].get_text()]) == [" _$\\frac$"]
    metric = "$\\frac$"
    axes = plot_history({metric: [2.0, 1.0]}, metric=metric, filepath=tmp_path / "history.png")
    assert shown([axes.get_ylabel()]) == [metric]
