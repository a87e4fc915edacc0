"""Series without a row before the border are judged by MAE, beside the usual level of others."""

import numpy as np
import pandas as pd
import pytest

from keras_ts import WindowedSeries, compare

DAYS = pd.date_range("2024-01-01", periods=43)


def frame_of(levels):
    """Return four series of 40 days, and new ones that begin on the 41st."""
    noise = np.random.default_rng(0).normal(size=(len(levels), 43))
    parts = [
        pd.DataFrame({"id": str(number), "day": days, "y": level + of[: len(days)]})
        for number, (level, of) in enumerate(zip(levels, noise, strict=True))
        for days in [DAYS[:40] if number < 4 else DAYS[40:]]
    ]
    return pd.concat(parts)


def test_baselines_read_the_usual_level():
    windows = WindowedSeries(
        8, 3, missing="mask_targets", min_inputs=0, id_column="id", time_column="day",
        target_columns="y",
    )  # fmt: skip
    train, held_out = windows.split(frame_of([10.0, 20.0, 30.0, 400.0, 25.0, 45.0]), "2024-02-10")
    assert held_out.num_windows == 2
    report = compare(None, train, held_out, period=2)
    assert report.by == "mae"
    assert report.windows == 2
    np.testing.assert_allclose(report.table["mae"], 10.0, atol=1.0)
    assert "MASE does not exist, and MAE is judged" in str(report)
    with pytest.raises(ValueError, match='by="mase" needs a series that changes'):
        compare(None, train, held_out, by="mase")
    # Where others have a scale, they decide.
    both = windows.split(frame_of([10.0, 20.0, 30.0, 400.0, 25.0, 45.0]), "2024-02-07")[1]
    assert compare(None, train, both).by == "mase"
