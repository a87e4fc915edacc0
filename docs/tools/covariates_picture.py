"""Draws the picture of the page "Covariates": which timestamps each input needs.

    python docs/tools/covariates_picture.py

The cells are not drawn by hand: a series in which every value tells its column and its row is cut
into windows, and what comes out of the first validation window is coloured.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle

from keras_ts import WindowedSeries
from style import PICTURES, save, themes

DAYS, BORDER, WINDOW, HORIZON = 14, 10, 7, 3
COLORS = {
    "past": "#3b6ea5",
    "future": "#e0a03c",
    "static": "#7a9a5b",
    "target": "#c9503c",
}
NOTES = {
    "units": "target: its past is an input",
    "visits": "known afterwards: past alone",
    "price": "known ahead: future_columns",
    "size": "never changes: static_columns",
    "week_sin": 'known ahead: calendar="week"',
    "week_cos": 'known ahead: calendar="week"',
}


def first_validation_window():
    """Return the columns, and the cells (column, row) of each part of the first window."""
    days = pd.date_range("2024-03-01", periods=DAYS)
    table = {"units": 0.0, "visits": 100.0, "price": 200.0}
    frame = pd.DataFrame({name: base + np.arange(DAYS) for name, base in table.items()})
    frame = frame.assign(day=days, size=300.0)
    windows = WindowedSeries(
        WINDOW,
        HORIZON,
        time_column="day",
        target_columns="units",
        future_columns="price",
        static_columns="size",
        calendar="week",
    )
    _, validation = windows.split(frame, at=str(days[BORDER].date()))
    (x, y), columns = validation[0], validation.columns
    cells = {
        "target": [("units", int(value)) for value in y[0]],
        "static": [("size", None)],
    }
    for part in ("past", "future"):
        cells[part] = []
        for row in x[part][0]:
            known = int(row[columns[part].index("price")]) - 200
            cells[part] += [(name, known) for name in columns[part]]
    return [*frame.columns.drop("day"), "week_sin", "week_cos"], days, cells


def draw():
    """Return the figure, in the colors of the theme."""
    columns, days, cells = first_validation_window()
    ink = plt.rcParams["text.color"]
    figure, axes = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    for height, name in enumerate(columns):
        for row in range(DAYS):
            corner = (row + 0.06, height + 0.12)
            axes.add_patch(Rectangle(corner, 0.88, 0.5, color="#90a4ae", alpha=0.25, linewidth=0))
        axes.text(0.06, height + 0.84, NOTES[name], va="center", fontsize=9)
    for part, places in cells.items():
        for name, row in places:
            left, width = (row, 0.88) if row is not None else (0, DAYS - 0.12)
            corner = (left + 0.06, columns.index(name) + 0.12)
            axes.add_patch(Rectangle(corner, width, 0.5, color=COLORS[part], linewidth=0))
    axes.plot([BORDER, BORDER], [-0.55, len(columns)], color=ink, linewidth=2)
    axes.text(BORDER + 0.15, -0.35, "split(at=...)", va="center")
    arrow = {"arrowstyle": "->", "color": ink}
    axes.annotate(
        "origin",
        (BORDER - 0.5, 0.1),
        (BORDER - 3.3, -0.35),
        va="center",
        arrowprops=arrow,
    )
    axes.set_xlim(0, DAYS)
    axes.set_ylim(len(columns), -0.8)
    axes.set_xticks(np.arange(DAYS) + 0.5, [day.strftime("%a")[:2] for day in days])
    axes.set_yticks(np.arange(len(columns)) + 0.37, columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    labels = {
        "past": "past (batch, 7, 5)",
        "future": "future (batch, 3, 3)",
        "static": "static (batch, 1)",
        "target": "target (batch, 3)",
    }
    handles = [Patch(color=COLORS[part], label=label) for part, label in labels.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


if __name__ == "__main__":
    for theme in themes():
        save(draw(), PICTURES / "covariates", theme)
        plt.close("all")
