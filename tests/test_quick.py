"""The quick tests reach every room, and each of their names stands for tests that there are."""

from pathlib import Path

import pytest

from imports import ROOMS
from quick import QUICK

TESTS = Path(__file__).parent


def test_every_room_has_quick_tests():
    first, *rows = ROOMS
    # Two are doors: to the baselines of evaluation, and to the command.
    rooms = {room for row in rows for room in row} - {"baselines", "__main__"}
    assert QUICK.keys() == {"_", *rooms}
    assert all(room.startswith("_") for room in first)
    assert all(QUICK.values())


@pytest.mark.parametrize("beginning", [b for tests in QUICK.values() for b in tests])
def test_quick_tests_are_there(beginning):
    file, _, name = beginning.partition("::")
    assert f"def {name.partition('[')[0]}" in (TESTS / file).read_text()


@pytest.mark.parametrize("room", sorted(QUICK.keys() - {"_"}))
def test_quick_tests_are_those_of_their_room(room):
    places = (f"{room}/", f"test_{room}.py")
    assert all(beginning.startswith(places) for beginning in QUICK[room])


def test_the_quick_tests_are_marked(request):
    """As far as they are run now, beside others."""
    for item in request.session.items:
        quick = item.nodeid.startswith(("tests/test_datasets.py", "tests/saving/test_save.py"))
        if quick and not item.get_closest_marker("slow"):
            assert item.get_closest_marker("quick")
