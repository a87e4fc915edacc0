"""Forecasts matched with the rows that came, for ``score`` and ``follow``."""

from typing import Any, NamedTuple

import numpy as np

from keras_ts import _checks
from keras_ts._typing import Array, BoolArray, IntArray
from keras_ts.evaluation.forecasters.table import Fields, ForecastTable
from keras_ts.evaluation.score.keys import Keys
from keras_ts.windows.carried import Carried
from keras_ts.windows.reading.panel import Panel, table_of
from keras_ts.windows.spec import WindowSpec


class Names(NamedTuple):
    """The columns by which forecasts and rows are matched, and the targets, in the rows."""

    id: str | None
    time: str
    targets: tuple[str, ...]

    @property
    def all(self) -> list[str]:
        """All the columns."""
        return [*([] if self.id is None else [self.id]), self.time, *self.targets]

    @classmethod
    def of(cls, ahead: ForecastTable, came: ForecastTable, windows: WindowSpec | None) -> "Names":
        """Return the names that the model's windows have, or else those that the tables suggest."""
        shared = [name for name in ahead.columns if name in came.columns and name != "step"]
        if windows is not None and windows.time_column is not None:
            chosen = windows.target_columns
            targets = chosen if isinstance(chosen, tuple) else (chosen,)
            if chosen is None:
                named = (windows.id_column, windows.time_column)
                targets = tuple(name for name in shared if name not in named)
            return cls(windows.id_column, windows.time_column, tuple(map(str, targets)))
        if "step" in ahead.columns:
            # A table of ``forecast``: keys, the step, and then the targets.
            place = ahead.columns.index("step")
            keys = [name for name in ahead.columns[:place] if name in shared]
            targets = tuple(name for name in ahead.columns[place:] if name in shared)
        else:
            keys = [name for name in shared if not came.is_numeric(name)]
            targets = tuple(name for name in shared if came.is_numeric(name))
            rest = [name for name in came.columns if name not in shared and came.is_numeric(name)]
            if not targets and len(rest) == 1:  # The forecasts have the name of what made them.
                targets = (rest[0],)
        dated = [name for name in keys if came.is_dated(name) or ahead.is_dated(name)]
        times = dated or [name for name in keys[-1:] if came.is_numeric(name)]
        ids = [name for name in keys if name not in times]
        if len(times) != 1 or len(ids) > 1 or not targets:
            raise ValueError(
                "It is not clear by which columns forecasts and rows are matched: forecasts has "
                f"{_checks.shown(ahead.columns)}, and actual {_checks.shown(came.columns)}. Name "
                "the columns of ids, times and targets alike in both"
                + (", or pass the model's file as filepath=." if windows is None else ".")
            )
        return cls(ids[0] if ids else None, times[0], targets)


class Matched(NamedTuple):
    """The rows of a table of forecasts, with what came of each."""

    names: Names
    fields: Fields
    keys: Keys  # of the forecasts
    rows: Keys  # of the table of what came
    counted: BoolArray  # which values of that are there, ``(rows, targets)``
    come: BoolArray  # whether a forecast's row came
    values: Array  # what came, ``(forecasts, targets)``
    forecasts: Array  # ``(forecasts, targets[, quantiles])``
    origins: IntArray  # the number of each forecast's origin, from 0 on
    steps: IntArray

    @classmethod
    def of(cls, forecasts: Any, actual: Any, carried: Carried | None) -> "Matched":
        """Match two tables by the columns that a model's windows name, or else by their own."""
        ahead = ForecastTable("forecasts", forecasts)
        came = ForecastTable("actual", table_of(actual))
        windows: WindowSpec | None = None if carried is None else carried.windows
        if windows is None and isinstance(actual, Panel):
            windows = WindowSpec(1, **actual.settings)
        names = Names.of(ahead, came, windows)
        if carried is not None and carried.columns is not None:  # In the order of the model.
            own = [str(carried.columns.past[place]) for place in carried.columns.targets]
            shared = tuple(name for name in own if name in names.targets)
            names = names._replace(targets=shared or names.targets)
        fields = Fields.of("forecasts", ahead.columns, names.targets, names.id, names.time)
        for table, columns in ((came, names.all), (ahead, [fields.time or names.time])):
            lacking = [column for column in columns if column not in table.columns]
            if lacking:
                raise ValueError(
                    f"{table.name} lacks {_checks.shown(lacking)}, by which forecasts and rows are "
                    f"matched. It has {_checks.shown(table.columns)}."
                )
        keys = Keys(ahead, fields.id, str(fields.time))
        if not len(keys.series):
            raise ValueError("forecasts is a table without a row: there is nothing to score.")
        rows = Keys(came, names.id, names.time)
        places = keys.places_in(rows)
        come = places >= 0
        if not come.any() and len(rows.series):
            known, later = keys.later_than(rows)
            if not (known.any() and later[known].all()):
                raise ValueError(
                    "actual holds none of the rows that were forecast: no row has the id and the "
                    f"time of a forecast. The first forecast is of {keys.example()}, and the first "
                    f"row of actual of {rows.example()}. Pass the rows that came since, with the "
                    "same ids and times."
                )
        targets = came.matrix(names.targets)
        counted = np.isfinite(targets)
        values = np.full((len(come), len(names.targets)), np.nan)
        values[come] = targets[places[come]]
        origins = keys.origins(ahead, fields, rows, None if carried is None else carried.frequency)
        keys.refuse_twice(origins)
        steps = keys.steps(ahead, fields, origins)
        made = ahead.forecasts(fields)
        return cls(names, fields, keys, rows, counted, come, values, made, origins, steps)
