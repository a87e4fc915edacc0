"""What the pages show is what their code prints and draws."""

import re

import pytest

import page
from same_output import same

PAGES = sorted(
    path for path in [page.ROOT / "README.md", *page.ROOT.glob("docs/**/*.md")] if path.is_file()
)
PICTURES = page.ROOT / "docs/pictures"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a  1.50\n", "a 1.58"),
        ("skill -3.0 %", "skill  -3.3 %"),
        ("0.02", "0.03"),
        ("a\n...\nz", "a\nb 2\nc\nz"),
        ("2024-01-01 12:30", "2024-01-01 12:30"),
        ("RMSE 1003 0.5", "RMSE 999.5 0.5"),
        ("a 1.5\n...\nz 2.5", "a 1.5\nb 9.5\nz 2.6"),
        ("rate 8.8e-04", "rate 8.5e-04"),
        ("[125.2 122.5]", "[126.  122.7]"),
        ("[125.2 122.5]", "[125.4 123. ]"),
    ],
)
def test_what_may_differ(shown, printed):
    assert same(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a 1.5", "b 1.5"),
        ("a 1.5", "a 1.7"),
        ("3 rows", "4 rows"),
        ("1,428 rows", "1,429 rows"),
        ("RMSE 1003 0.5", "RMSE 2003 0.5"),
        ("26160 rows", "26161 rows"),
        ("a 1.5\n...\nz 2.5", "a 1.5\nb 9.5\nz 9.6"),
        ("a 1.5\n...\nz 2.5", "a 9.5\nb 9.5\nz 2.5"),
        ("rate 8.8e-04", "rate 9.9e-02"),
        ("1e-05", "1e-01"),
        ("2024-01-01", "2024-01-02"),
        ("skill 3.0 %", "skill -3.0 %"),
        ("a\n...\nz", "a\nb 2\nc\ny"),
        ("[125.2 122.5]", "[126.  151. ]"),
        ("[1. 2.]", "[1. 3.]"),
        ("a", "a\nb"),
        ("1.5", "1.5 2.5"),
        ("1.5", "1"),
        ("", "a"),
    ],
)
def test_what_may_not(shown, printed):
    assert not same(shown, printed)


def test_skips():
    """A condition is asked when its turn comes, and "start" holds until "end"."""
    text = "\n".join(
        [
            "<!--- skip: next if(True, reason='so') -->\n```python\na = 1\n```",
            "<!--- skip: next if(False, reason='so') -->\n```python\na = 2\n```",
            "<!--- skip: start if(a, reason='so') -->\n```python\na = 3\n```",
            "```output\n3\n```\n<!--- skip: end -->\n```python\na = 4\n```\n",
        ]
    )
    names = {"a": 1}
    run = [part.text for part in page.unskipped(page.parts(text), names)]
    assert run == ["a = 2\n", "a = 4\n"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(page.ROOT)))
def test_every_fence_of_code_is_seen(path):
    """A fence in another form would be run by nobody."""
    fences = re.findall(r"^[ \t]*(?:```|~~~) *(?:python|py|output)\b.*$", path.read_text(), re.M)
    assert set(fences) <= {"```python", "```output"}


def test_another_backend_prints_the_same_form():
    assert same("a 1.5", "a 9.7", numbers=False)
    assert not same("a 1.5", "a 9", numbers=False)


def test_parts_of_a_page():
    text = (
        '# Title\n\n<!--- skip: next if(lacks("x"), reason="x is not installed") -->\n'
        "```python\nprint(1)\n```\n\n```output\n1\n```\n\n"
        "<!--- invisible-code-block: python\nassert True\n--->\n\n```python\ndraw()\n```\n\n"
        "![A](../pictures/a.svg)\n"
    )
    read = page.parts(text)
    assert [part.kind for part in read] == [
        "skip",
        "python",
        "output",
        "hidden",
        "python",
        "picture",
    ]
    assert read[0].when == 'lacks("x")'
    assert [part.text for part in read] == [
        "next", "print(1)\n", "1\n", "assert True\n", "draw()\n", "../pictures/a",
    ]  # fmt: skip
    assert [part.line for part in read] == [3, 5, 9, 13, 17, 20]
    assert text[read[1].start : read[1].end] == "```python\nprint(1)\n```"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(page.ROOT)))
def test_values_are_shown_and_not_asserted(path):
    visible = [part.text for part in page.parts(path.read_text()) if part.kind == "python"]
    assert not any(re.search(r"^assert\b", code, re.MULTILINE) for code in visible)


def test_every_picture_is_small_and_on_a_page():
    text = "\n".join(path.read_text() for path in PAGES)
    named = set(re.findall(r"pictures/([\w-]+)\.svg", text))
    assert {path.stem for path in PICTURES.iterdir()} == named
    sizes = [path.stat().st_size for path in PICTURES.iterdir()]
    assert max(sizes) < 50_000
    assert sum(sizes) < 1_000_000
