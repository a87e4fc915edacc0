"""Writes the index of the API: every public name, with the first sentence of its docstring.

    python docs/tools/api_index.py

The groups are those of the navigation in ``mkdocs.yml``, the names those of the pages there. The
code is read, not imported, so the index needs no backend; a test compares it.
"""

import ast
import re
from pathlib import Path

from page import ROOT

INDEX = Path("docs/api/index.md")
# By group, the guide that uses its names.
GUIDES = {
    "Windows": "data/windows.md",
    "Presets": "models/presets.md",
    "Learning rate": "models/learning-rate.md",
    "Judging": "trust/judging.md",
    "Checks": "trust/leakage.md",
    "Forecasting": "use/forecasting.md",
    "Saving": "use/saving.md",
    "Other forms of a model": "use/exporting.md",
    "Past one machine": "scale/workers.md",
    "Layers": "models/core.md",
}
OPENING = """\
# API

Every public name, with what it does. All of them but layers, losses, metrics, baselines and what
has to be imported by its module stand at the top: `from keras_ts import WindowedSeries`. For work
on tables, begin at [`from_preset`](from_preset.md), [`compare`](compare.md) and
[`forecast`](forecast.md).
"""


def docstring(module: str, name: str) -> str:
    """Return the docstring of a name of a module, wherever it is defined."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return docstring(node.module, alias.name)
        elif getattr(node, "name", None) == name:
            return ast.get_docstring(node)
    raise LookupError(f"{module} has no {name}.")


def line(page: str, full_name: str) -> str:
    """Return the line of a name: a link to it, and the first sentence of its docstring."""
    module, _, name = full_name.rpartition(".")
    opening = docstring(module, name).split("\n\n")[0].replace("\n", " ")
    # A colon at its end opens a list, of which the index has no room.
    sentence = re.split(r"(?<=[.])\s", opening)[0].rstrip(":").rstrip(".")
    sentence = sentence.replace("``", "`")
    shown = full_name.removeprefix("keras_ts.")
    return f"- [`{shown}`]({page}#{full_name}): {sentence}."


def index() -> str:
    """Return the text of the index."""
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\n  - API:\n")[2]
    section = re.split(r"^  - ", navigation, flags=re.MULTILINE)[0]
    text = OPENING
    for group, page in re.findall(r"^      - ([^:\n]+):$|api/(\w+\.md)$", section, re.MULTILINE):
        if group:
            text += f"\n## {group}\n\n"
            if group in GUIDES:
                text += f"[The guide](../{GUIDES[group]}) uses them.\n\n"
        elif page != "index.md":
            names = re.findall(
                # Reports, deeper in the package, stand beside what returns them.
                r"^::: (keras_ts(?:\.\w+){1,2})$",
                (ROOT / "docs/api" / page).read_text(),
                re.MULTILINE,
            )
            text += "".join(f"{line(page, name)}\n" for name in names)
    return text


if __name__ == "__main__":
    (ROOT / INDEX).write_text(index())
