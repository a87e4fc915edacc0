"""``WindowSpec``: the settings of windowing, their checks and their config.

A spec holds no data and does not depend on Keras datasets, so that all code that reads, splits or
feeds series can use it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Self, TypedDict

from keras_ts import _checks
from keras_ts.panel.cycles import Cycle, Holidays
from keras_ts.panel.roles import ROLES
from keras_ts.panel.settings import Column, Missing, TableSettings
from keras_ts.windows.geometry import Geometry
from keras_ts.windows.sampler import Remainder

# Values of ``origins`` beside "month end" and a time of day.
FIRST_ROW, WEEKDAYS = "first row", ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class WindowSettings(TypedDict, total=False):
    """The settings of a ``WindowedSeries`` by keyword, without ``horizon`` and ``targets``."""

    window: int | None
    gap: int
    stride: int
    sampling_rate: int
    target_columns: Column | Sequence[Column] | None
    future_columns: Column | Sequence[Column] | None
    static_columns: Column | Sequence[Column] | None
    categories: Mapping[str, Sequence[str]] | None
    calendar: Cycle | Sequence[Cycle] | None
    id_column: str | Sequence[str] | None
    time_column: str | None
    missing: Missing
    min_inputs: int | None
    weighting: Literal["inverse_scale"] | int | None
    batch_size: int
    shuffle: bool
    seed: int | None
    remainder: Remainder
    unseen: Literal["raise", "mean"]
    origins: str | None
    holidays: Holidays | None


@dataclass(frozen=True, repr=False)
class WindowSpec(TableSettings):
    """The settings of a ``WindowedSeries``; its docstring explains each of them."""

    window: int
    horizon: int = 1
    _: KW_ONLY
    gap: int = 0
    stride: int = 1
    sampling_rate: int = 1
    targets: Literal["vector", "sequence"] = "vector"
    min_inputs: int | None = None
    weighting: Literal["inverse_scale"] | int | None = None
    batch_size: int = 32
    shuffle: bool = False
    seed: int | None = None
    remainder: Remainder = "keep"
    origins: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checked: dict[str, Any] = {
            name: _checks.integer(name, getattr(self, name), 0 if name == "gap" else 1)
            for name in ("window", "horizon", "gap", "stride", "sampling_rate", "batch_size")
        }
        checked["targets"] = _checks.choice("targets", self.targets, ("vector", "sequence"))
        checked["shuffle"] = _checks.boolean("shuffle", self.shuffle)
        checked["remainder"] = _checks.choice("remainder", self.remainder, ("keep", "drop", "pad"))
        if self.seed is not None:
            checked["seed"] = _checks.integer("seed", self.seed, 0)
        if isinstance(self.weighting, str):
            _checks.choice("weighting", self.weighting, ("inverse_scale",))
        elif self.weighting is not None:
            checked["weighting"] = _checks.integer("weighting", self.weighting, 1)
        if self.origins is not None:
            checked["origins"] = _origins(self.origins, checked["stride"])
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        _check_known_ahead(self)
        if self.min_inputs is not None:
            object.__setattr__(self, "min_inputs", _min_inputs(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the settings that ``config`` holds; files of 0.3.0 count from the first row."""
        counted = {} if dict(config).get("stride", 1) == 1 else {"origins": FIRST_ROW}
        return super().from_config(counted | config)

    @property
    def geometry(self) -> Geometry:
        """The shape of a window, for index arithmetic."""
        before = 0
        if self.min_inputs is not None:
            # At most the whole reach: the last input then lies in the row before the series.
            reach = self.sampling_rate * (self.window - 1) + 1
            before = min(self.sampling_rate * (self.window - self.min_inputs), reach)
        lengths = self.window, self.horizon, self.gap, self.stride, self.sampling_rate
        return Geometry(*lengths, self.targets == "sequence", before)


def _origins(origins: Any, stride: int) -> str:
    """Return ``origins``, or refuse a value that names none, or that the stride contradicts."""
    named = origins in (*WEEKDAYS, "month end", FIRST_ROW)
    if not named and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(origins)):
        raise ValueError(
            'origins must be a time of day such as "06:00", a weekday such as "MON", "month end", '
            f'"first row", or None. Received: origins={_checks.shown(origins)}.'
        )
    if stride > 1 and origins != FIRST_ROW:
        raise ValueError(f"origins={origins!r} needs stride=1. Received: stride={stride}.")
    return str(origins)


def _min_inputs(spec: WindowSpec) -> int:
    """Return ``min_inputs``, or refuse it for windows that cannot lack inputs."""
    count = _checks.integer("min_inputs", spec.min_inputs, 0)
    if count > spec.window:
        raise ValueError(
            f"min_inputs must be at most window={spec.window}, the inputs of a window. "
            f"Received: min_inputs={count}."
        )
    if not spec.handling.masked:
        raise ValueError(
            'min_inputs needs missing="mask" or missing="mask_targets", since windows that begin '
            f"before their series lack inputs. Received: missing={spec.missing!r}."
        )
    if spec.targets == "sequence" and not count:
        raise ValueError(
            'targets="sequence" forecasts at each input, and a window of min_inputs=0 may have '
            'none. Use targets="vector", or min_inputs=1.'
        )
    if spec.targets == "sequence" and spec.handling.complete == "all":
        raise ValueError(
            'targets="sequence" has targets also before a series begins, and '
            f"missing={spec.missing!r} leaves out windows with a missing target. Pass "
            'min_inputs with missing="mask_targets".'
        )
    return count


def _check_known_ahead(spec: WindowSpec) -> None:
    """Refuse ``targets="sequence"`` if earlier inputs would lack covariates."""
    named = (str(role.setting) for role in ROLES if role.known_ahead)
    ahead = next((setting for setting in named if getattr(spec, setting)), None)
    if spec.targets == "sequence" and ahead:
        for name, usual in (("gap", 0), ("sampling_rate", 1)):
            if getattr(spec, name) != usual:
                raise ValueError(
                    f'targets="sequence" with {ahead} needs {name}={usual}: else earlier inputs of '
                    f"a window lack their targets' covariates. Received: {name}="
                    f"{getattr(spec, name)}."
                )
