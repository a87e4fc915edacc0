"""A scorecard from an untrusted file is read as it should be, or refused in a line."""

import copy
import json

import pytest

import malicious_files
from judged_models import judged
from keras_ts.saving.schema import checked


@pytest.fixture(scope="module")
def card():
    return judged((0.1, 0.5, 0.9))[1].scorecards()[0]


def places(value, place=()):
    """Yield the keys that lead to every entry, entries of entries, and first items of lists."""
    yield place
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*place, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*place, 0))


def with_entry(card, place, value):
    card = copy.deepcopy(card)
    target = card
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return card


def test_what_a_report_makes_is_read_as_it_is(card):
    assert checked(card) == card
    assert checked(json.loads(json.dumps(card))) == card


def test_entries_of_later_versions_are_left_out(card):
    assert checked({**card, "more": 1}) == card
    with pytest.raises(ValueError, match="newer keras_ts"):
        checked({**card, "format": 2})


def test_every_entry_is_checked(card):
    errors = []
    for place in list(places(card))[1:]:
        for value in malicious_files.WRONG.values():
            try:
                checked(with_entry(card, place, value))
            except (TypeError, ValueError) as error:
                errors.append(str(error))
    assert len(errors) > 400
    assert max(map(len, errors)) < 500


def test_missing_entries_and_columns_that_do_not_match(card):
    for key in card:
        with pytest.raises((TypeError, ValueError)):
            checked({name: value for name, value in card.items() if name != key})
    for place in (("table", "mae"), ("steps", "model"), ("promised", "errors", "low")):
        with pytest.raises(ValueError, match="columns of one length"):
            checked(with_entry(card, place, [1.0]))
    with pytest.raises(ValueError, match="table lacks the model"):
        checked({**card, "model": "another"})


def test_the_measure_is_one_that_verdicts_have(card):
    """It stands in the card, which shows no text of a file as Markdown."""
    table = {**card["table"], "<img>": card["table"]["mae"]}
    with pytest.raises(ValueError, match="by must be one of 'mae', 'mase'"):
        checked({**card, "by": "<img>", "table": table})


def test_texts_hold_nothing_that_a_terminal_obeys(card):
    assert checked({**card, "sentence": "a\x1b[31m\nb\u202e"})["sentence"] == "a [31m b "
