"""No sentence of a docstring or a comment opens with a word that hides its subject.

After ``What``, ``Where``, ``Whether`` or ``Which`` the subject of a sentence comes late, so the
sentence has to be read twice.
"""

import ast
import io
import re
import textwrap
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Within prose, a capital marks the opening of a sentence.
OPENING = re.compile(r"\b(?:What|Where|Whether|Which)\b[^.]{0,40}")
# A first word counts in small letters, too.
FIRST = re.compile(r"(?:what|where|whether|which)\b.{0,40}", re.IGNORECASE)
LITERAL = re.compile(r"``.*?``|`[^`]*`|\"[^\"]*\"|'\w+'", re.DOTALL)


def faults(source):
    """Return the number of the line and the words of each sentence that opens so."""
    prose = [*_docstrings(source), *_comments(source)]
    openings = []
    for line, text in prose:
        text = LITERAL.sub(lambda match: "_" + "\n" * match.group().count("\n"), text)
        first = FIRST.match(text)
        matches = [first] if first else []
        matches += [m for m in OPENING.finditer(text) if not first or m.start() > 0]
        openings += [
            (line + text.count("\n", 0, match.start()), " ".join(match.group().split()))
            for match in matches
        ]
    return sorted(openings)


def _docstrings(source):
    """Yield the line and the text of every docstring, blank where it holds code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text is not None:
                yield node.body[0].lineno, _without_code(text)


def _without_code(text):
    """Blank the lines of examples: from a prompt to the next line without text."""
    lines, code = [], False
    for line in textwrap.dedent(text).split("\n"):
        code = line.lstrip().startswith(">>>") or (code and bool(line.strip()))
        lines.append("" if code else line)
    return "\n".join(lines)


def _comments(source):
    """Yield the line and the text of every comment, the lines of a block together."""
    begin, block, last = 0, [], None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        row, column = token.start
        text = token.string.lstrip("#: ")
        # A comment behind code goes on with no other.
        alone = not token.line[:column].strip()
        if block and alone and last == (row - 1, column):
            block.append(text)
        else:
            if block:
                yield begin, "\n".join(block)
            begin, block = row, [text]
        last = (row, column) if alone else None
    if block:
        yield begin, "\n".join(block)


@pytest.mark.parametrize("folder", ["keras_ts", "tests"])
def test_no_sentence_opens_with_a_word_that_hides_its_subject(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert len(paths) > 50
    openings = [
        f"{path.relative_to(ROOT)}:{line}: {words}"
        for path in paths
        for line, words in faults(path.read_text(encoding="utf-8"))
    ]
    assert openings == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('"""Which rate a sweep is at."""', 1),
        ('def f():\n    """Return it. Where it is lost, None."""', 2),
        ('class C:\n    """One.\n\n    Args:\n        flag: Whether to stop.\n    """', 5),
        ('"""Return it.\n\n>>> f()\n1\n\nWhat is left is 0.\n"""', 6),
        ("# what fails is not shrunk\nx = 1", 1),
        ("# A rate.\n# Where it\n# is 0, None.\nx = 1", 2),
        ("x = 1  # Whether it is.\ny = 2  # which it is", 1),
    ],
)
def test_the_test_of_prose_can_fail(source, line):
    assert faults(source)[0][0] == line


@pytest.mark.parametrize(
    "source",
    [
        '"""Tell whether it runs, and where."""',
        '"""Return it.\n\n>>> "Which?"\nWhich?\n"""',
        '"""Say ``What``, or "Where"."""',
        "# Return the rate\n# which is held.\nx = 1",
        'text = """What is no docstring."""',
    ],
)
def test_the_test_of_prose_lets_other_sentences_stand(source):
    assert faults(source) == []
