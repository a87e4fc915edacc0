"""Draws the errors of several forecasters on several data sets: the picture of a printed table."""

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.hashsalt"] = "keras_ts"  # The same picture, the same file.

OURS, THEIRS = "#d1495b", "#30638e"


def draw(tables, ours, axis, path):
    """Save a row of plots, one for each data set, the smallest error on top.

    Args:
        tables: By the title of each data set, its errors by forecaster.
        ours: The forecaster to stand out.
        axis: What the errors are.
        path: The file.
    """
    columns = min(len(tables), 3)
    rows = -(-len(tables) // columns)
    tallest = max(len(errors) for errors in tables.values())
    figure = Figure(figsize=(10, rows * (0.9 + 0.28 * tallest)), layout="constrained")
    plots = figure.subplots(rows, columns, squeeze=False)
    for plot in plots.flat[len(tables) :]:
        plot.axis("off")
    for plot, (title, errors) in zip(plots.flat, tables.items(), strict=False):
        names = sorted(errors, key=errors.__getitem__, reverse=True)
        for place, name in enumerate(names):
            colour = OURS if name == ours else THEIRS
            plot.plot([0, errors[name]], [place, place], color=colour, linewidth=1)
            plot.plot(errors[name], place, "o", color=colour)
            plot.annotate(
                f"{errors[name]:.4g}", (errors[name], place), (7, 0), textcoords="offset points",
                va="center", fontsize=8, color=colour,
            )  # fmt: skip
        plot.set_yticks(range(len(names)), names, fontsize=9)
        plot.set_xlim(0, 1.22 * max(errors.values()))
        plot.set_ylim(-0.6, len(names) - 0.4)
        plot.set_title(title, fontsize=10)
        plot.set_xlabel(axis, fontsize=8)
        plot.tick_params("x", labelsize=8)
        plot.spines[["top", "right", "left"]].set_visible(False)
        plot.tick_params("y", length=0)
    figure.savefig(path, metadata={"Date": None})
