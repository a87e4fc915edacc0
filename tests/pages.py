"""Runs a page as its readers do: with what it says to install, and from top to bottom.

An environment with what the page names, and nothing else, is either installed, which takes minutes
and the package index, or made of links to packages that are installed here, which takes neither.
"""

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import venv
from itertools import groupby
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
RUN_PAGE = Path(__file__).with_name("run_page.py")
BACKENDS = {"tensorflow", "jax", "torch"}


def with_code():
    """Return the pages that have code: the front page, and those of the guide."""
    guide = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*/*.md"))
    pages = ["README.md", *guide]
    return [page for page in pages if "\n```python\n" in (ROOT / page).read_text()]


def requirements(page, backend="tensorflow"):
    """Return what an environment for the page's code is made of.

    It is what the install line before the page's code installs, with another backend in
    TensorFlow's place. A page without such a line names what it needs beside the extra ``start``:
    "the `store` extra", or a package, as in "`pip install scikit-learn`". What a page skips where
    it is not installed is left out, since ``nox -s clients`` installs that.
    """
    text = (ROOT / page).read_text()
    opening = text.partition("\n```python\n")[0]
    line = re.search(r"^pip install '\.\[.*$", opening, re.MULTILINE)
    if line:
        return shlex.split(line.group().replace("tensorflow", backend, 1), comments=True)[2:]
    conditions = "".join(re.findall(r"if\(lacks\((.*?)\)", text))
    skipped = (*re.findall(r'"(\w+)"', conditions), *BACKENDS)
    extras = {"start", backend, *re.findall(r"the `(\w+)` extra", text)} - (BACKENDS - {backend})
    packages = re.findall(r"pip install ([\w-]+)`", text)
    needed = {name for name in packages if not name.replace("-", "_").startswith(skipped)}
    return [f".[{','.join(sorted(extras))}]", *sorted(needed)]


def run(page, python, backend):
    """Run the page's code by an interpreter, in an empty folder; return the ended process.

    It fails if the page shows another output than its code prints.
    """
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"KERAS_BACKEND": backend, "MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    with tempfile.TemporaryDirectory() as folder:
        command = [python, *warnings, RUN_PAGE, ROOT / page, backend]
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )


def installed(folder, wanted):
    """Make an environment by installing; return its interpreter."""
    venv.create(folder, with_pip=True)
    python = Path(folder, "bin", "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], cwd=ROOT, check=True)
    return python


def linked(folder, wanted, package):
    """Make an environment of links to the packages that an installation would bring.

    Args:
        folder: Folder for the environment.
        wanted: The requirements to install, such as ``[".[start,jax]", "polars"]``.
        package: Folder of the package itself, which is linked in any case.

    Returns:
        The interpreter of the environment.
    """
    venv.create(folder, symlinks=True)
    python = Path(folder, "bin", "python")
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    links = {package.name: package}
    for distribution in distributions(wanted):
        for file in distribution.files:
            if file.parts[0] not in ("..", "__pycache__"):
                links[file.parts[0]] = Path(distribution.locate_file(file.parts[0]))
    for name, target in links.items():
        (packages / name).symlink_to(target)
    return python


def distributions(wanted):
    """Return the installed distributions that an installation of the requirements would bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = Requirement(wanted[0].replace(".", project["name"], 1))
    found, done, waiting = {}, set(), [own, *map(Requirement, wanted[1:])]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        for extra in {"", *requirement.extras}:
            if (name, extra) in done:
                continue
            done.add((name, extra))
            if name == project["name"]:
                optional = project["optional-dependencies"]
                brought = optional[extra] if extra else project["dependencies"]
            else:
                found[name] = importlib.metadata.distribution(name)
                brought = found[name].requires or []
            parsed = map(Requirement, brought)
            waiting += [
                one for one in parsed if not one.marker or one.marker.evaluate({"extra": extra})
            ]
    return list(found.values())


def main(backend, pages):
    """Run pages, each with no more than what it names; exit with the number that failed."""
    failed = 0
    by_need = sorted((requirements(page, backend), page) for page in pages)
    for wanted, group in groupby(by_need, key=lambda pair: pair[0]):
        # An environment holds a framework of a gigabyte or more, so there is one at a time.
        with tempfile.TemporaryDirectory() as folder:
            python = installed(folder, wanted)
            for _, page in group:
                result = run(page, python, backend)
                print(f"{page}: {result.stderr if result.returncode else 'ok'}", flush=True)
                failed += result.returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or with_code())
