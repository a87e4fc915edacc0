"""Processes of a run raise the same error where they differ, and none raises alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import distinct
from keras_ts import WindowedSeries
from keras_ts.windows.feeding import agreement
from keras_ts.windows.feeding.agreement import agree, facts_apart, facts_of, seed_of
from keras_ts.windows.feeding.workers import Workers

TWO = Workers(2, 0, 1, 2, 0)


def source(seed=1, windows=19, offset=0.0, **settings):
    spec = WindowedSeries(4, batch_size=8, shuffle=True, seed=seed, **settings)
    return spec.build(np.sin(distinct(windows + 4)) + offset)._source


def gather(monkeypatch, other):
    """Let another process answer with ``other``."""
    monkeypatch.setattr(agreement, "_gathered", lambda message: [message, other])


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_data_are_compared_whole_or_by_windows_all_over(on_disk, tmp_path):
    series, facts = np.sin(np.arange(3000.0)), []
    for part in (slice(0), slice(1500, 1520)):
        changed = series.copy()
        changed[part] = 0
        if on_disk:
            np.save(tmp_path / "series.npy", changed)
            changed = np.load(tmp_path / "series.npy", mmap_mode="r")
        facts.append(facts_of(WindowedSeries(4).build(changed)._source, (0, 0)))
    assert facts[0] != facts[1]


def test_an_error_of_any_letters_fits_a_message():
    text = json.dumps({"error": {"text": "\U0001f600" * agreement._CHARACTERS}})
    assert len(text.encode()) < agreement._BYTES


def test_a_single_process_agrees_with_itself():
    assert agree(Workers(), lambda: {"a": 1}) == [{"a": 1}]


def test_facts_that_differ_are_named(monkeypatch):
    gather(monkeypatch, {"facts": {"batch_size": 16, "_seed": 2}})
    with pytest.raises(ValueError, match=r"batch_size: 8 in process 0, and 16 in process 1.*auto_"):
        agree(TWO, lambda: {"batch_size": 8, "_seed": 1})
    facts = agree(TWO, lambda: {"batch_size": 16, "_seed": 1})
    assert [fact["_seed"] for fact in facts] == [1, 2]


def test_an_error_of_one_process_is_raised_in_all(monkeypatch):
    gather(monkeypatch, {"error": {"text": "y cannot be passed"}})
    with pytest.raises(RuntimeError, match="Process 1 of this run raised: y cannot be passed"):
        agree(TWO, dict)

    def fails():
        raise TypeError("mine")

    messages = []
    monkeypatch.setattr(agreement, "_gathered", lambda message: messages.append(message) or [])
    with pytest.raises(TypeError, match="mine"):
        agree(TWO, fails)
    assert messages == [{"error": {"text": "mine"}}]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"windows": 20}, "the number of windows"),
        ({"offset": 1.0}, "the data (by a digest)"),
        ({"remainder": "pad"}, "remainder"),
    ],
)
def test_the_facts_tell_datasets_apart(change, name):
    one, other = facts_of(source(), (0, 0)), facts_of(source(**change), (0, 0))
    assert one == facts_of(source(), (0, 0))
    assert one[name] != other[name]


def test_parts_by_hand_and_wholes_have_the_same_facts():
    whole = source()
    part = replace(whole, sampler=replace(whole.sampler, shards=2, shard=1))
    assert facts_of(whole, (1, 2)) == facts_of(part, (1, 2))


def test_processes_with_data_of_their_own_need_as_many_batches():
    assert facts_apart(source(), (0, 0)) == facts_apart(source(offset=1.0), (3, 0))
    assert facts_apart(source(), (0, 0)) != facts_apart(source(windows=20), (0, 0))


def test_a_seed_may_differ_only_if_it_was_drawn():
    assert seed_of(source(seed=None), placed=False)["the seed"] == "drawn by the dataset"
    assert seed_of(source(seed=5), placed=False) == {"the seed": 5, "_seed": 5}
    own = source(seed=None)
    assert seed_of(own, placed=True)["the seed"] == own.sampler.seed
