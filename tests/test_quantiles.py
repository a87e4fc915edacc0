"""Names of quantiles are read as they are written, and pairs are those that are symmetric."""

import pytest

from keras_ts._quantiles import bound_of, level_columns, output_names, pair_of, pairs_of


@pytest.mark.parametrize("levels", [(0.5,), (0.025, 0.1, 0.5, 0.9, 0.975), (1 / 3, 0.5, 0.75)])
def test_columns_are_found_again_by_target_and_level(levels):
    targets = ["load", "load_2", "load_0.95", "load_0.1x"]
    columns = [name for target in targets for name in output_names(target, levels)]
    for target in targets:
        found = level_columns(target, columns, targets)
        assert list(found) == pytest.approx([level for level in levels if level != 0.5], abs=1e-6)
        assert all(name == f"{target}_{level:g}" for level, name in found.items())
    assert output_names("load", None) == ["load"]


@pytest.mark.parametrize(
    ("levels", "pairs"),
    [
        ((0.05, 0.1, 0.5, 0.9, 0.95), {0.8: (1, 3), 0.9: (0, 4)}),
        ((0.1, 0.5, 0.9, 0.95), {0.8: (0, 2)}),
        ((0.9, 0.5, 0.1), {0.8: (2, 0)}),
        ((0.333333, 0.5, 0.666667), {0.333334: (0, 2)}),
        ((0.4999999, 0.5, 0.6), {}),
        ((0.5,), {}),
    ],
)
def test_pairs(levels, pairs):
    assert pairs_of(levels) == pairs
    for share, places in pairs.items():
        assert pair_of(share, levels) == places
    with pytest.raises(ValueError, match=r"coverage=0.99 needs the levels \[0.005, 0.995\], and"):
        pair_of(0.99, levels)


def test_bounds_of_other_libraries_are_levels():
    columns = [
        "AutoETS",
        "AutoETS-lo-80",
        "AutoETS-hi-80",
        "AutoETS-hi-97.5",
        "Auto-hi-80",
        "a-lo-1.2.3",
    ]
    found = {0.1: "AutoETS-lo-80", 0.9: "AutoETS-hi-80", 0.9875: "AutoETS-hi-97.5"}
    assert level_columns("AutoETS", columns, ["AutoETS"]) == found
    assert bound_of("AutoETS-lo-80") == ("AutoETS", 0.1)
    assert bound_of("a-lo-1.2.3") is None
