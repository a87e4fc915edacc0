"""Runs code in forks of one process, which has hardly done more than import Keras.

Importing Keras and its backend takes seconds, and every new process has to. So one process imports
them, waits for code, and forks to run it: a fork knows nothing of the tests, of keras_ts, or of
the forks before it. A fork copies one thread alone, so the process that waits runs no operation,
which would start the threads of the backend.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import types
import warnings
from pathlib import Path

import backends

# Apple's own libraries break in a fork.
POSSIBLE = hasattr(os, "fork") and sys.platform != "darwin"
_SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
import forks
del sys.path[0]
forks.serve()
"""
_waiting = {}


def run(code, arguments, environment, folder="."):
    """Run ``code`` in ``folder``; return a ``CompletedProcess``.

    Elsewhere than on systems that fork, a new interpreter runs it.
    """
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if not POSSIBLE:
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
    backend = environment["KERAS_BACKEND"]
    server = _waiting.get(backend) or _start(backend, environment)
    with tempfile.TemporaryDirectory() as name:
        printed, errors = Path(name, "printed"), Path(name, "errors")
        request = {
            "code": code, "arguments": command[3:], "environment": environment,
            "folder": str(Path(folder).absolute()), "printed": str(printed), "errors": str(errors),
        }  # fmt: skip
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, status, printed.read_text(), errors.read_text())


def _start(backend, environment):
    server = _waiting[backend] = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(Path(__file__).parent)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    atexit.register(_end, server)
    return server


def _end(server):
    server.stdin.close()
    server.wait()
    server.stdout.close()


def serve():
    """Answer each request, a line of the input, with the exit status of a fork."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    backends.iterate_untuned()
    for line in iter(sys.stdin.readline, ""):
        with warnings.catch_warnings():
            # Python warns of threads; those of pyarrow's and NumPy's libraries take a fork well.
            warnings.simplefilter("ignore")
            process = os.fork()
        if not process:
            _answer(**json.loads(line))
        replies.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
        replies.flush()


def _answer(code, arguments, environment, folder, printed, errors):
    """Be the process that was asked for, as ``python -c`` is, and end."""
    for stream, path in ((1, printed), (2, errors)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), stream)
    os.chdir(folder)
    os.environ.update(environment)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [path for path in paths if path and path not in sys.path]
    sys.argv = ["-c", *arguments]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    status = 1
    try:
        exec(code, vars(main))
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
