"""The code of the pages that name an install line needs no more than that line brings."""

import ast
import functools
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_ts
import pages
from helpers import BACKEND
from page import parts
from same_output import WRITTEN_ON


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Make environments, one for all pages with the same install line."""
    made = {}

    def make(how, wanted, *arguments):
        key = how, *wanted
        if key not in made:
            made[key] = how(tmp_path_factory.mktemp("environment"), wanted, *arguments)
        return made[key]

    return make


# PyTorch takes minutes to train what the others train in seconds.
@pytest.mark.slow if BACKEND == "torch" else lambda test: test
def test_the_front_page_runs_and_prints_on_what_its_install_line_brings(environment):
    wanted = pages.requirements("README.md", BACKEND)
    package = Path(keras_ts.__file__).parent
    result = pages.run("README.md", environment(pages.linked, wanted, package), BACKEND)
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/start/ten-minutes.md"])
def test_page_runs_after_its_install_line(environment, page):
    wanted = pages.requirements(page, BACKEND)
    result = pages.run(page, environment(pages.installed, wanted), BACKEND)
    assert result.returncode == 0, result.stderr[-3000:]


PAGE = """
```python
print("2 stores,", 10.0, "units")
```

```output
2 stores, {} units
```

<!--- skip: next if(lacks("no_such_module"), reason="it is not installed") -->
```python
import no_such_module
```
"""


@pytest.mark.parametrize(("shown", "status"), [("10.4", 0), ("12.0", 1), ("ten", 1)])
def test_a_page_fails_that_shows_what_its_code_does_not_print(tmp_path, shown, status):
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(shown))
    result = pages.run(page, sys.executable, WRITTEN_ON)
    assert result.returncode == status
    assert ("The code prints:\n2 stores, 10.0 units" in result.stderr) == bool(status)


def test_a_page_names_what_its_environment_is_made_of(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text(
        "It needs the `store` extra, the `tensorflow` extra, and `pip install scikit-learn`; "
        'some of it `pip install optuna-integration`.\n<!--- skip: next if(lacks("optuna"), ...'
        "\n```python\n```\nWith an engine:\npip install '.[tensorflow,ray]'\n"
    )
    assert pages.requirements("page.md", "jax") == [".[jax,start,store]", "scikit-learn"]


def test_an_environment_has_no_more_than_its_line_brings(environment):
    python = environment(pages.linked, [f".[{BACKEND}]"], Path(keras_ts.__file__).parent)
    code = "import importlib.util as i; print([bool(i.find_spec(n)) for n in {}])"
    names = ["keras_ts", "keras", BACKEND, "pandas", "matplotlib", "narwhals"]
    found = subprocess.run([python, "-c", code.format(names)], capture_output=True, text=True)
    assert found.stdout.strip() == "[True, True, True, False, False, False]"


@functools.cache
def brought(wanted):
    """Return the modules that an installation would bring."""
    return {
        Path(file.parts[0]).stem
        for distribution in pages.distributions([wanted])
        for file in distribution.files
    }


# Which distributions bring a module; each call would read the files of all that are installed.
owners = functools.cache(importlib.metadata.packages_distributions)


GUIDES = sorted(str(path.relative_to(pages.ROOT)) for path in pages.ROOT.glob("docs/*/*.md"))


@pytest.mark.parametrize("page", GUIDES)
def test_guides_name_what_they_import_beyond_the_start(page):
    text = (pages.ROOT / page).read_text()
    tree = ast.parse("".join(part.text for part in parts(text) if part.kind == "python"))
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    modules = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    extras = ["start", *re.findall(r"the `(\w+)` extra", text)]
    for backend in {"jax", "tensorflow", "torch"}.intersection(extras):
        pytest.importorskip(backend, reason=f"the page's extra {backend} is not installed")
    named = {*re.findall(r"pip install ([\w-]+)`", text), "keras-ts"}
    rest = {
        module
        for module in modules
        if not named & {name.replace("_", "-") for name in owners().get(module, [module])}
    }
    assert rest <= {*brought(f".[{','.join(extras)}]"), "keras_ts"}


def texts(code):
    """Return the texts that stand in a file of Python."""
    nodes = ast.walk(ast.parse(code))
    return {node.value for node in nodes if isinstance(node, ast.Constant)} - {None}


def test_each_message_on_the_page_of_errors_is_provoked_there_or_in_a_test():
    page = (pages.ROOT / "docs/help/errors.md").read_text()
    cells = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    hidden = set().union(*(texts(part.text) for part in parts(page) if part.kind == "hidden"))
    tested = " ".join(path.read_text() for path in pages.ROOT.glob("tests/**/test_*.py"))
    assert len(messages) > 70
    assert [words for words in messages if words not in hidden and words not in tested] == []
