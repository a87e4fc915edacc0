"""``Prepared``: a forecast up to the moment at which the model runs, and after it.

All that can be wrong with the series is noticed before the model runs. So whoever looks for the
series at fault among many prepares forecasts, and runs none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from keras_ts._dtypes import at_least_float32
from keras_ts._progress import ProgressBar
from keras_ts._typing import Array
from keras_ts.forecasting.compiled import (
    check_sizes,
    closed_steps,
    compiled_loop,
    fed,
    predict,
)
from keras_ts.forecasting.following import Following
from keras_ts.forecasting.frames import as_frames, matched
from keras_ts.forecasting.future import inputs_of
from keras_ts.forecasting.history import History
from keras_ts.forecasting.loop import Rounds, checked_rounds
from keras_ts.forecasting.plan import check_future, values_ahead
from keras_ts.interface import Interface
from keras_ts.windows.reading.common_grid import on_common_grid
from keras_ts.windows.reading.panel import Panel
from keras_ts.windows.reading.reader import is_frame, read_panel
from keras_ts.windows.reading.stored import StoredPanel


@dataclass(frozen=True)
class Prepared:
    """A forecast whose data are read and checked.

    Attributes:
        interface: The model's interface.
        series: The series, as they were passed.
        panel: The series, as they were read.
        history: The last rows of the series that can be forecast.
        following: The timestamps that follow; None without timestamps.
        rounds: The rounds.
        steps: Number of steps to forecast.
        planned: The values of the columns known ahead, of each series in ``history``; None without
            such columns.
        start: As in ``forecast``.
        incomplete: ``"raise"`` or ``"nan"``.
    """

    interface: Interface
    series: Any
    panel: Panel
    history: History
    following: Following | None
    rounds: Rounds
    steps: int
    planned: Array | None
    start: Any
    incomplete: str

    @classmethod
    def of(
        cls,
        interface: Interface,
        series: Any,
        steps: int | None,
        future: Any,
        start: Any,
        incomplete: str,
    ) -> Self:
        """Read and check the series, as ``forecast`` does. There may be none."""
        settings = interface.windows
        steps = settings.horizon if steps is None else steps
        interface.check_forecaster()
        panel = _read(matched(series, interface), interface)
        columns = panel.columns.with_calendar(settings.calendar_columns)
        interface.check_columns(columns)
        interface.check_frequency(panel)
        history = History.of(panel, settings, incomplete, interface.masked)
        rounds = checked_rounds(interface, columns, steps)
        check_future(future, panel, settings)
        following = Following.of(panel, settings.gap, rounds.steps)
        planned = None
        if panel.columns.planned and len(history.chosen):
            planned = values_ahead(future, history, following, steps, rounds.steps, incomplete)
        return cls(
            interface, series, panel, history, following, rounds, steps, planned, start, incomplete
        )

    def parts(self) -> Iterator[tuple[History, dict[str, Array]]]:
        """Yield some series at a time, with the model's inputs, so that memory stays bounded.

        What is wrong with the inputs is noticed here.
        """
        interface, panel = self.interface, self.panel
        columns = panel.columns.with_calendar(interface.windows.calendar_columns)
        shapes = columns.input_shapes(interface.windows.geometry, self.rounds.steps)
        dtype, done = at_least_float32(interface.model), 0
        for part in self.history.parts():
            count = len(part.chosen)
            planned = None if self.planned is None else self.planned[done : done + count]
            made = inputs_of(part, self.following, planned, self.start, self.rounds.steps)
            yield part, fed({role: made[role] for role in shapes}, dtype, panel, part.chosen)
            done += count

    def forecast(self) -> Any:
        """Run the model; return arrays for arrays and frames for frames."""
        values, panel = self._values(), self.panel
        if is_frame(self.series) or isinstance(self.series, StoredPanel):
            times = None if self.following is None else self.following.times[:, : self.steps]
            quantiles, windows = self.interface.quantiles, self.interface.windows
            return as_frames(self.series, panel, windows, quantiles, times, values)
        return values[0] if panel.single else values

    def without_times(self) -> list[int]:
        """Return the numbers of series that can be forecast, but have no timestamps ahead."""
        if self.following is None:
            return []
        chosen = self.history.chosen
        return chosen[self.following.frequencies.codes[chosen] < 0].tolist()

    def _values(self) -> Array:
        """Return the forecasts of all series, ``(series, steps, ...)``."""
        panel, model, rounds = self.panel, self.interface.model, self.rounds
        shape = (len(panel.lengths), rounds.steps, *rounds.step_shape)
        values = np.full(shape, np.nan, at_least_float32(model))
        progress = ProgressBar(len(self.history.chosen), "series")
        for part, inputs in self.parts():
            shapes = {role: tuple(array.shape[1:]) for role, array in inputs.items()}
            closed, hollow = (at[:, : self.steps] for at in closed_steps(inputs, rounds))
            if self.incomplete == "raise" and hollow.any():
                _refuse_hollow(panel, int(part.chosen[hollow.any(axis=1).argmax()]))
            made = predict(compiled_loop(model, rounds, shapes), inputs, progress)
            # Steps that have no forecast are NaN.
            finite = made[:, : self.steps].copy()
            finite[closed | hollow] = 0
            check_sizes(finite, inputs, self.interface, panel, part.chosen)
            values[part.chosen] = made
        return values[:, : self.steps]


def _refuse_hollow(panel: Panel, number: int) -> None:
    raise ValueError(
        f"future closes so many steps in a row of {panel.series(number)} that past the horizon a "
        "whole window has no value of a target to go on from. Ask for fewer steps, train with a "
        'longer window or horizon, or pass incomplete="nan" for NaN there.'
    )


def _read(series: Any, interface: Interface) -> Panel:
    """Return the series without a calendar, which is computed only at the last rows."""
    # ``History`` looks for missing values, only in the last rows too.
    windows = replace(interface.windows, missing="drop", min_inputs=None, calendar=None)
    stored = isinstance(series, StoredPanel)
    if stored and interface.windows.handling.gaps == "fill":
        # Gaps in time were filled as the store was written.
        windows = replace(windows, missing="mask")
    panel = read_panel(series, windows, check=False)
    unknown = set(panel.categories or ()) - set(interface.windows.categories or ())
    if unknown:
        raise ValueError(
            f"The model's windows hold no categories of the columns of text {sorted(unknown)}, so "
            "the columns that it was trained on are unknown. Pass windows=dataset.windows, with "
            "the dataset that the model was trained on."
        )
    if panel.clock is None:
        return panel
    if stored:
        own = series.frequencies(interface.frequency)
        return replace(panel, clock=replace(panel.clock, filled_by=own))
    panel = replace(panel, clock=replace(panel.clock, expected=interface.frequency))
    return on_common_grid(panel) if interface.windows.handling.gaps == "fill" else panel
