"""The picture of the guide "Covariates and calendar": which timestamps each input needs.

    python docs/pictures/covariates.py    # writes docs/pictures/covariates.svg

The cells are not drawn by hand: a series in which every value tells its column and its row is cut
into windows, and what comes out of the first validation window is coloured.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from keras_ts import WindowedSeries

DAYS, BORDER, WINDOW, HORIZON = 15, 10, 7, 3
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
    "week_sin": "known ahead:",
    "week_cos": 'calendar="week"',
}


def first_validation_window():
    """Return the columns, and the cells (column, row) of each part of the first window."""
    days = pd.date_range("2024-03-01", periods=DAYS)
    table = {"units": 0.0, "visits": 100.0, "price": 200.0}
    frame = pd.DataFrame(
        {name: base + np.arange(DAYS) for name, base in table.items()}
    )
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


def draw(path):
    """Write the picture, as SVG or PNG."""
    mpl.use("agg")
    # The same file from every run.
    mpl.rcParams.update({"svg.hashsalt": "keras_ts", "font.size": 10})
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch, Rectangle

    columns, days, cells = first_validation_window()
    figure, axes = plt.subplots(figsize=(10, 4.2), layout="constrained")
    for height, name in enumerate(columns):
        for row in range(DAYS):
            axes.add_patch(
                Rectangle(
                    (row + 0.06, height + 0.1), 0.88, 0.8, color="#eceff1"
                )
            )
        axes.text(
            DAYS + 0.25, height + 0.5, NOTES[name], va="center", color="#455a64"
        )
    for part, places in cells.items():
        for name, row in places:
            left, width = (row, 0.88) if row is not None else (0, DAYS - 0.12)
            corner = (left + 0.06, columns.index(name) + 0.1)
            axes.add_patch(Rectangle(corner, width, 0.8, color=COLORS[part]))
    axes.axvline(BORDER, color="#263238", linewidth=2)
    axes.text(
        BORDER + 0.15,
        -0.35,
        "border: split(at=...)",
        va="center",
        color="#263238",
    )
    axes.annotate(
        "origin", (BORDER - 0.5, 0.1), (BORDER - 2.6, -0.35), color="#263238", va="center",
        arrowprops={"arrowstyle": "->", "color": "#263238"},
    )  # fmt: skip
    axes.set_xlim(0, DAYS + 4.6)
    axes.set_ylim(len(columns), -0.8)
    axes.set_xticks(
        np.arange(DAYS) + 0.5, [day.strftime("%a\n%d") for day in days]
    )
    axes.set_yticks(np.arange(len(columns)) + 0.5, columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    labels = {
        "past": "past (batch, 7, 5)",
        "future": "future (batch, 3, 3)",
        "static": "static (batch, 1)",
        "target": "target (batch, 3)",
    }
    handles = [
        Patch(color=COLORS[part], label=label) for part, label in labels.items()
    ]
    figure.legend(
        handles=handles, loc="outside lower left", ncols=4, frameon=False
    )
    figure.savefig(
        path,
        dpi=110,
        metadata={"Date": None} if path.suffix == ".svg" else None,
    )
    plt.close(figure)


if __name__ == "__main__":
    draw(
        Path(sys.argv[1])
        if sys.argv[1:]
        else Path(__file__).parent / "covariates.svg"
    )
