"""Makes notebooks of pages, and runs them, so that each holds its outputs and pictures.

    python docs/tools/notebooks.py              # all, into docs/notebooks
    python docs/tools/notebooks.py stores       # one
    python docs/tools/notebooks.py --out FOLDER --check
    python docs/tools/notebooks.py --list       # the pages, and nothing is run

With `--check` it also runs the page's assertions, which no reader sees, and fails if a cell prints
anything else than the page shows: what the tests of a page do, so CI runs these pages here alone.
It needs the extra `notebooks`. A page and its notebook have the same code, which
``tests/site/test_notebooks.py`` compares, so make the notebook anew after a change to its page.
"""

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from page import ROOT, parts

sys.path.append(str(ROOT / "tests"))

from same_output import difference, same

NOTEBOOKS = {
    "ten_minutes": "docs/start/ten-minutes.md",
    "stores": "docs/learn/stores.md",
    "course": "docs/learn/course.md",
    "weather": "docs/learn/weather.md",
}
FOLDER = ROOT / "docs" / "notebooks"
_LINK = re.compile(r"\[([^][]+)\]\(([^()]+)\)")
_ADMONITION = re.compile(r'^!!! \w+ "(.*)"\n\n((?:    .*\n|\n)+)', re.MULTILINE)
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.MULTILINE | re.DOTALL)
# The paragraph that leads to the notebook and says what to install.
_OPENING = re.compile(r"^\[Open as a notebook\].*?\n\n", re.MULTILINE | re.DOTALL)
_LOGGED = re.compile(r"^WARNING:tensorflow:.*\n", re.MULTILINE)
# Keras's bar, which only slow work shows, and no page.
_BAR = re.compile(r"^.*\x1b\[1m.*\n", re.MULTILINE)
_HIDDEN = {"tags": ["hidden"]}
_SHELL = re.compile(r"^```sh\npip install .*?^```\n", re.MULTILINE | re.DOTALL)


def notebook(page: Path, *, hidden: bool = False) -> nbformat.NotebookNode:
    """Return the notebook of a page, not yet run; also with the code that no reader sees."""
    text, written = page.read_text(), 0
    cells = [nbformat.v4.new_code_cell(install_line(text))]
    for part in parts(text):
        cells += prose(text[written : part.start], page)
        written = part.end
        if part.kind == "python":
            cells.append(nbformat.v4.new_code_cell(part.text.rstrip("\n")))
        elif part.kind == "hidden" and hidden:
            cells.append(nbformat.v4.new_code_cell(part.text, metadata=_HIDDEN))
    cells += prose(text[written:], page)
    # The title stands first, and the installation below it.
    cells[:2] = reversed(cells[:2])
    number_cells(cells)
    kernel = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def number_cells(cells: list[nbformat.NotebookNode]) -> None:
    """Give cells ids by their place."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"


def install_line(text: str) -> str:
    """Return a cell that says, in a comment, how to install what the page needs."""
    extras = dict.fromkeys(["start", *re.findall(r"the `(\w+)` extra", text), "tensorflow"])
    packages = dict.fromkeys(re.findall(r"`pip install ([\w-]+)`", text))
    # Jupyter runs a notebook in the notebook's own folder, two below that of the package.
    line = " ".join([f"'../..[{','.join(extras)}]'", *packages])
    return f"# In docs/notebooks of a copy of the repository, once:\n# %pip install {line}"


def prose(text: str, page: Path) -> list[nbformat.NotebookNode]:
    """Return the text between two parts of the page as a cell, or nothing if there is none."""
    for left_out in (_COMMENT, _OPENING, _SHELL):
        text = left_out.sub("", text)
    text = _ADMONITION.sub(quoted, text)
    text = _LINK.sub(lambda link: relinked(link, page), text).strip()
    return [nbformat.v4.new_markdown_cell(text)] if text else []


def quoted(admonition: re.Match[str]) -> str:
    """Return an admonition of the site as a quote, which every reader of notebooks knows."""
    lines = re.sub("^    ", "", admonition[2].strip("\n"), flags=re.MULTILINE).splitlines()
    return "\n".join(f"> {line}".rstrip() for line in [f"**{admonition[1]}**", "", *lines]) + "\n\n"


def relinked(link: re.Match[str], page: Path) -> str:
    """Return a link as it works in the notebook: to the page's source, in the same repository.

    Pages of the API hold nothing until the site is built, so of those links only the text stays.
    """
    text, target = link.groups()
    if "://" in target:
        return link[0]
    file, _, anchor = target.partition("#")
    path = (page.parent / file).resolve() if file else page
    if path.parent.name == "api":
        return text
    target = Path(os.path.relpath(path, FOLDER)).as_posix() + (anchor and f"#{anchor}")
    return f"[{text}]({target})"


def run(made: nbformat.NotebookNode) -> None:
    """Run the notebook in an empty folder, and keep what its cells show."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            made,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    # The kernel writes its own version.
    made["metadata"]["language_info"] = {"name": "python"}
    for cell in code_cells(made):
        if cell["metadata"] != _HIDDEN:
            cell["metadata"] = {}
        cell["outputs"] = cleaned(cell["outputs"])


def code_cells(made: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook that hold code."""
    return [cell for cell in made["cells"] if cell["cell_type"] == "code"]


def compare(made: nbformat.NotebookNode, page: Path) -> None:
    """Compare what the cells printed with what the page shows, and take out the hidden ones.

    Raises:
        RuntimeError: The page shows another output.
    """
    _, *cells = code_cells(made)
    left, printed = iter(cells), ""
    for part in parts(page.read_text()):
        if part.kind in ("python", "hidden"):
            outputs = next(left)["outputs"]
            texts = [output["text"] for output in outputs if output.get("name") == "stdout"]
            printed = _BAR.sub("", "".join(texts)) or printed
        elif part.kind == "output" and not same(part.text, printed):
            raise RuntimeError(f"{page}, line {part.line}. {difference(part.text, printed)}")
    made["cells"] = [cell for cell in made["cells"] if cell["metadata"] != _HIDDEN]
    for count, cell in enumerate(code_cells(made), start=1):
        cell["execution_count"] = count
    number_cells(made["cells"])


def cleaned(
    outputs: list[nbformat.NotebookNode],
) -> list[nbformat.NotebookNode]:
    """Return the code's own outputs, without what a backend logs.

    Raises:
        RuntimeError: The code warned.
    """
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if output.get("name") == "stderr":
            if "Warning:" in output["text"]:
                raise RuntimeError(output["text"])
        elif output.get("name") == "stdout":
            # TensorFlow logs to stdout where a person may sit before it.
            text = _LOGGED.sub("", output["text"])
            if kept and kept[-1].get("name") == "stdout":
                kept[-1]["text"] += text
            elif text:
                output["text"] = text
                kept.append(output)
        else:
            kept.append(output)
    return kept


def main() -> None:
    """Make the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NOTEBOOKS)}")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write into")
    parser.add_argument("--check", action="store_true", help="test the page, too")
    parser.add_argument("--list", action="store_true", help="print the pages, and run nothing")
    arguments = parser.parse_args()
    if arguments.list:
        print(*NOTEBOOKS.values(), sep="\n")
        return
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # Pictures go into the notebook.
    os.environ.pop("MPLBACKEND", None)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or NOTEBOOKS:
        page = ROOT / NOTEBOOKS[name]
        made = notebook(page, hidden=arguments.check)
        run(made)
        if arguments.check:
            compare(made, page)
        nbformat.validate(made)
        target = arguments.out / f"{name}.ipynb"
        nbformat.write(made, target)
        print(f"{target}: {target.stat().st_size / 1024:.0f} KB", flush=True)


if __name__ == "__main__":
    main()
