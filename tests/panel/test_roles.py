"""The table of roles says where each kind of column stands, and what is made of it."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import Panel, WindowedSeries
from keras_ts.panel.roles import BY_SETTING, CALENDAR, COVARIATES, ROLES, TARGET, parts_of
from keras_ts.presets.requirements import required_by
from keras_ts.presets.settings import PresetSettings

DAYS = 40


def table(roles):
    """A table with a column of each role, which is named like the role and varies between shops."""
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"shop": np.repeat(["a", "b"], DAYS)})
    frame["day"] = [*pd.date_range("2024-01-01", periods=DAYS)] * 2
    for role in roles:
        values = generator.normal(50, 9, 2 * DAYS)
        frame[role.name] = np.repeat(values[:2], DAYS) if role.per_series else values
    return frame


def windows(roles):
    """Windows that name these columns, of weeks."""
    named = {role.setting: role.name for role in roles if role in BY_SETTING.values()}
    return WindowedSeries(7, 2, id_column="shop", time_column="day", calendar="week", **named)


@pytest.fixture(scope="module")
def dataset():
    """A dataset with a column of each role."""
    return windows(ROLES).build(table(role for role in ROLES if role is not CALENDAR))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_column_stands_in_the_parts_of_its_row(dataset, role):
    x, frame = parts_of(dataset[0][0]), table(role for role in ROLES if role is not CALENDAR)
    columns = dataset.columns
    names = ["week_sin", "week_cos"] if role is CALENDAR else [role.name]
    for part in ("past", "future", "static"):
        assert (set(names) <= set(columns[part])) == (part in role.parts)
        assert x[part].shape[-1] == len(columns[part])
    if role is not CALENDAR:
        row = {"past": slice(0, 7), "future": slice(7, 9), "static": 0}
        for part in role.parts:
            read = x[part][0][..., columns[part].index(role.name)]
            np.testing.assert_allclose(read, frame[role.name].to_numpy()[row[part]], rtol=1e-6)


@pytest.mark.parametrize("role", [role for role in ROLES if role.standardized != "window"])
def test_a_column_is_standardized_as_its_row_says(dataset, role):
    """By constants of the training part, or by none at all."""
    needs = required_by(PresetSettings(window_norm="mean"), dataset)
    if role.per_series:
        constants = needs.series_constants["static"]
    else:
        named = dataset.columns["future"]
        names = ["week_sin", "week_cos"] if role is CALENDAR else [role.name]
        constants = needs.ahead_constants[[named.index(name) for name in names]]
    assert constants.idle == (role.standardized == "no")


@pytest.mark.parametrize("role", [TARGET, *COVARIATES], ids=lambda role: role.name)
def test_a_panel_shows_a_column_under_the_setting_of_its_row(role):
    settings = windows([TARGET, *COVARIATES]).get_config()
    named = {name: settings[name] for name in (*BY_SETTING, "id_column", "time_column")}
    printed = str(Panel(table([TARGET, *COVARIATES]), **named)).splitlines()
    assert [line.split() for line in printed if line.startswith(role.setting)] == [
        [role.setting, role.name]
    ]
