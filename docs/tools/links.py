"""Checks every link of the built site, those of docstrings too, and every picture.

    python docs/tools/links.py site

Links within the site lead to a file, and to a heading that is there. Links elsewhere are listed,
not fetched.
"""

import posixpath
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Links(HTMLParser):
    """The links of a page, and what they may lead to.

    Attributes:
        links: Addresses of links, pictures, styles and scripts.
        names: The names of places within the page.
    """

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.names: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read the addresses and names of one element."""
        values = dict(attrs)
        self.names |= {values.get("id") or "", values.get("name") or ""}
        addresses = {values.get("href"), values.get("src")}
        self.links |= {address for address in addresses if address}


def target(site: Path, page: Path, path: str) -> Path:
    """Return the file to which a path on a page leads."""
    folder = "" if path.startswith("/") else page.relative_to(site).parent
    joined = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
    file = site / unquote(joined)
    if path.endswith("/") or file.is_dir():
        file /= "index.html"
    return file


def check(site: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the links that lead nowhere, and by external address the pages that have it."""
    pages = {page: Links(page) for page in sorted(site.rglob("*.html"))}
    broken, external = [], defaultdict(list)
    for page, read in pages.items():
        name = str(page.relative_to(site).parent)
        for link in sorted(read.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                external[link].append(name)
                continue
            file = target(site, page, parts.path) if parts.path else page
            place = unquote(parts.fragment)
            if not file.is_file():
                broken.append(f"{name}: {link} leads to no file")
            elif file in pages and parts.fragment and place not in pages[file].names:
                broken.append(f"{name}: {link} leads to no heading")
    return broken, dict(external)


def main(site: Path) -> int:
    """Print what is broken, and the addresses elsewhere; return 1 if something is broken."""
    broken, external = check(site)
    for address, names in sorted(external.items()):
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print(f"not fetched: {address} ({names[0]}{more})")
    print(*broken, sep="\n")
    print(f"{len(broken)} broken links, {len(external)} addresses elsewhere")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
