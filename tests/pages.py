"""Runs a page as its readers do: after the install line of the page itself, and from top to bottom.

An environment with what the line brings, and nothing else, is either installed, which takes minutes
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
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
FRONT_PAGES = ["README.md", "docs/index.md"]
PAGES = [*FRONT_PAGES, "docs/learn/stores.md"]


def requirements(page, backend="tensorflow"):
    """Return what the page's install line installs, with another backend in TensorFlow's place."""
    line = re.search(r"^pip install '\.\[.*$", (ROOT / page).read_text(), re.MULTILINE).group()
    return shlex.split(line.replace("tensorflow", backend, 1), comments=True)[2:]


def blocks(page):
    """Return the lines of the page's Python blocks, each on the line that it has in the page."""
    lines, fence = [], None
    for line in (ROOT / page).read_text().splitlines():
        ends = line.startswith("```")
        lines.append("" if ends or fence != "```python" else line)
        if ends:
            fence = None if fence else line.strip()
    return "\n".join(lines) + "\n"


def run(page, python, backend):
    """Run the page's code by an interpreter, in an empty folder; return the ended process."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"KERAS_BACKEND": backend, "MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "page.py")
        script.write_text(blocks(page))
        command = [python, "-W", "error", "-W", "ignore::DeprecationWarning", script]
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


def main(backend):
    """Run each page after its install line, for a backend; exit with the number that failed."""
    failed, made = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for page in PAGES:
            wanted = tuple(requirements(page, backend))
            if wanted not in made:
                made[wanted] = installed(Path(folder, str(len(made))), wanted)
            result = run(page, made[wanted], backend)
            print(f"{page}: {result.stderr if result.returncode else 'ok'}", flush=True)
            failed += result.returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1])
