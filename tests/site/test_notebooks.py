"""Each notebook holds the code of its page, and what that code showed when it ran."""

import ast
import json
import re

import pytest

from page import ROOT, parts

SCRIPT = ROOT / "docs" / "tools" / "notebooks.py"
FOLDER = ROOT / "docs" / "notebooks"
LINK = re.compile(r"\]\(([^()]+)\)")


def pages():
    """Return the page of each notebook, read off the script, which needs packages of its own."""
    for node in ast.parse(SCRIPT.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "NOTEBOOKS":
            return ast.literal_eval(node.value)
    raise LookupError("NOTEBOOKS")


PAGES = pages()


@pytest.fixture(params=PAGES)
def name(request):
    return request.param


@pytest.fixture
def cells(name):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    return notebook["cells"]


def code(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_the_code_is_that_of_the_page(name, cells):
    """If this fails: python docs/tools/notebooks.py NAME"""
    read = parts((ROOT / PAGES[name]).read_text())
    shown = [part.text.rstrip("\n") for part in read if part.kind == "python"]
    installs, *sources = ["".join(cell["source"]) for cell in code(cells)]
    assert sources == shown
    assert all(line.startswith("#") for line in installs.splitlines())


def test_it_was_run_from_top_to_bottom_and_nothing_failed(cells):
    assert [cell["execution_count"] for cell in code(cells)] == [*range(1, len(code(cells)) + 1)]
    outputs = [output for cell in code(cells) for output in cell["outputs"]]
    kinds = {output["output_type"] for output in outputs}
    assert kinds <= {"stream", "display_data", "execute_result"}
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)
    assert not [output for output in outputs if "WARNING" in "".join(output.get("text", ""))]


def test_it_is_small_and_names_no_path_of_the_machine_that_ran_it(name, cells):
    text = (FOLDER / f"{name}.ipynb").read_text()
    assert len(text) < 300_000
    assert not [place for place in ("/tmp/", "/home/", "/Users/", "/root/") if place in text]


def test_links_lead_to_files_of_the_repository(cells):
    links = [
        target
        for cell in cells
        if cell["cell_type"] == "markdown"
        for target in LINK.findall("".join(cell["source"]))
        if "://" not in target
    ]
    assert links
    assert [link for link in links if not (FOLDER / link.partition("#")[0]).exists()] == []
