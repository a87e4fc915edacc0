"""Draws the results: the tables of the page "Benchmarks" as pictures.

    python docs/tools/results_pictures.py

The figures stand in the tables alone, so a picture shows what its table says.
"""

import re

import matplotlib.pyplot as plt
import numpy as np

from style import PICTURES, drawing, save

PAGE = PICTURES.parent / "compare/benchmarks.md"
OURS, THEIRS = "#d1495b", "#5b8db8"
SHORTER = {
    "Theta, dynamic optimized": "Theta",
    "TiRex (published)": "TiRex",
    "Chronos-Bolt base (published)": "Chronos-Bolt base",
    "Chronos T5 base (published)": "Chronos T5 base",
    "Chronos T5 large (published)": "Chronos T5 large",
}


def table(corner):
    """Return the header and the rows of the table whose first cell begins with ``corner``."""
    text = PAGE.read_text()
    lines = re.search(rf"^\| {re.escape(corner)}.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
    rows = [
        [cell.replace("`", "").replace("*", "").strip() for cell in line.strip("|").split("|")]
        for line in lines[0].splitlines()
    ]
    return rows[0], rows[2:]


def first_number(cell):
    """Return the first number of a cell, or None."""
    match = re.match(r"[\d.]+", cell.replace(",", "") if cell[:1].isdigit() else "")
    return float(match[0].rstrip(".")) if match else None


def draw_errors(plots, title, errors, ours):
    """Draw errors by forecaster, the smallest on top."""
    names = sorted(errors, key=errors.__getitem__, reverse=True)
    for place, name in enumerate(names):
        color = OURS if name == ours else THEIRS
        plots.barh(place, errors[name], 0.62, color=color)
        plots.text(errors[name], place, f" {errors[name]:.3f}", va="center", fontsize=9)
    plots.set_yticks(
        range(len(names)),
        [SHORTER.get(name, name) for name in names],
        fontsize=10,
    )
    plots.set_xlim(0, 1.15 * max(errors.values()))
    plots.set_xticks([])
    plots.set_title(title, fontsize=11, loc="left")
    plots.spines[["top", "right", "bottom"]].set_visible(False)
    plots.tick_params("y", length=0)


def panels():
    """Return the figure of the M3 competition's panels: MASE of each forecaster."""
    header, rows = table("MASE, sMAPE")
    figure, plots = plt.subplots(3, figsize=(5.6, 6.2), layout="constrained")
    for column, (plot, title) in enumerate(zip(plots, header[1:], strict=True), start=1):
        errors = {row[0]: first_number(row[column]) for row in rows}
        present = {name: error for name, error in errors.items() if error is not None}
        draw_errors(plot, title.capitalize(), present, "seasonal_gru")
    return figure


def long_series():
    """Return the figure of five long series: the errors relative to naive ones."""
    header, rows = table("series, steps in a window")
    figure, plot = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
    forecasters = header[1:4]
    for number, (name, color) in enumerate(
        zip(forecasters, ["#90a4ae", THEIRS, OURS], strict=True)
    ):
        errors = np.array([first_number(row[1 + number]) for row in rows])
        naive = np.array([first_number(row[1]) for row in rows])
        heights = np.arange(len(rows)) + 0.27 * (number - 1)
        plot.barh(heights, errors / naive, 0.25, color=color, label=name)
    plot.set_yticks(range(len(rows)), [row[0].rpartition(",")[0] for row in rows])
    plot.invert_yaxis()
    plot.set_xlabel("mean absolute error, over that of naive")
    plot.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=10)
    return figure


def scale():
    """Return the figure of the seconds by the number of series."""
    _, rows = table("a million series")
    figure, plot = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    for row in rows:
        # The table has the columns of a million, of 100,000 and of 10,000 series.
        seconds = [first_number(row[column]) for column in (3, 2, 1)]
        label = row[0].partition(", 1 %")[0]
        plot.loglog([1e4, 1e5, 1e6], seconds, marker="o", markersize=4, label=label)
    plot.set_xlabel("series of 30 rows")
    plot.set_ylabel("seconds")
    plot.set_xticks([1e4, 1e5, 1e6], ["10,000", "100,000", "a million"])
    plot.minorticks_off()
    plot.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    with drawing():
        for name, draw in {
            "m3": panels,
            "long-series": long_series,
            "scale": scale,
        }.items():
            save(draw(), PICTURES / name)
            plt.close("all")
