"""A hub of models on this machine, with the few requests that huggingface_hub makes of one."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """The repositories: for each name its commits, each a dict of contents by file.

    Attributes:
        address: For ``HF_ENDPOINT``.
        commits: ``{"who/model": [{"model.keras": b"..."}]}``, the oldest commit first.
    """

    def __init__(self, address):
        self.address, self.commits = address, {}

    def commit(self, name, revision):
        """Return the number and the files of a commit: "main" is the latest."""
        commits = self.commits[name]
        number = len(commits) - 1 if revision == "main" else int(revision, 16)
        return f"{number:040x}", commits[number]

    def answer(self, method, path, body):
        """Return the status, the headers and the body of an answer."""
        path = path.partition("?")[0]
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = "/".join(filter(None, (wanted.get("organization"), wanted["name"])))
            self.commits.setdefault(name, [{}])
            return as_json({"url": f"{self.address}/{name}", "id": name})
        if path == "/api/validate-yaml":
            return as_json({"errors": [], "warnings": []})
        if match := re.fullmatch("/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path):
            name, step = match.groups()
            if step == "preupload":
                files = [file["path"] for file in json.loads(body)["files"]]
                regular = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                return as_json({"files": [{"path": file, **regular} for file in files]})
            files = dict(self.commit(name, "main")[1])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.commits[name].append(files)
            sha = self.commit(name, "main")[0]
            url = f"{self.address}/{name}/commit/{sha}"
            return as_json(
                {"success": True, "commitUrl": url, "commitOid": sha, "commitMessage": ""}
            )
        if match := re.fullmatch("/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            name, kind, revision = match.groups()
            sha, files = self.commit(name, revision or "main")
            if kind == "tree":
                return as_json(
                    [
                        {"type": "file", "path": file, "size": len(content), "oid": digest(content)}
                        for file, content in files.items()
                    ]
                )
            siblings = [{"rfilename": file} for file in files]
            return as_json({"id": name, "sha": sha, "siblings": siblings})
        if match := re.fullmatch("/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            name, revision, file = match.groups()
            sha, files = self.commit(name, revision)
            if file in files:
                headers = {"ETag": f'"{digest(files[file])}"', "X-Repo-Commit": sha}
                return 200, headers, files[file]
        return 404, {"X-Error-Code": "EntryNotFound"}, b""


def as_json(value):
    """Return an answer that holds plain values."""
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def digest(content):
    """Return a digest as git has it of a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextlib.contextmanager
def running():
    """Serve an empty hub on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = hub.answer(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(content)}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = reply  # noqa: N815 - names of the library

        def log_message(self, *_):
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub = Hub(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()
