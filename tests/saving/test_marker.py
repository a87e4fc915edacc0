"""A card is save_model's own as long as no line of it is changed."""

from keras_ts.saving.marker import is_marked, is_unchanged, marked

TEXT = marked(["---", "tags:", "---"], ["", "# model", ""])


def test_a_card_as_it_was_written():
    first, marker, rest = TEXT.split("\n", 4)[0], TEXT.split("\n")[3], TEXT.split("\n")[4:]
    assert (first, rest) == ("---", ["", "# model", ""])
    assert marker.startswith("<!-- keras_ts.save_model wrote this card (digest ")
    assert is_marked(TEXT)
    assert is_unchanged(TEXT)


def test_a_card_that_was_changed():
    for text in (
        TEXT.replace("tags:", "license: mit\ntags:"),
        TEXT + "More.\n",
        TEXT.replace("# model", ""),
        TEXT.replace("(digest ", "(digest 0"),
        TEXT.replace("\n# model", "\n" + TEXT.split("\n")[3] + "\n# model"),
        TEXT.replace(TEXT.split("\n")[3], "<!-- keras_ts.save_model wrote this card. -->"),
    ):
        assert is_marked(text)
        assert not is_unchanged(text)


def test_a_card_of_ones_own():
    for text in ("", "# Mine\n", "See <!-- keras_ts.save_model wrote this card -->\n"):
        assert not is_marked(text)
        assert not is_unchanged(text)
