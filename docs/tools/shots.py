"""Takes pictures of every page of the built site, and says what overflows.

    python docs/tools/shots.py site out/shots            # every page
    python docs/tools/shots.py site out/shots data use   # pages whose address begins so

Each page is shot at 1280 and at 390 pixels, light and dark. At 1280 pixels nothing may scroll
sideways; at 390 what is wider has a scroll bar of its own, and nothing is cut.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from browser import Browser, served

WIDTHS = (1280, 390)
# By theme, the scheme that the page then has.
SCHEMES = {"light": "default", "dark": "slate"}
OVERFLOW = (Path(__file__).parent / "overflow.js").read_text()


def addresses(site: Path, beginnings: list[str]) -> list[str]:
    """Return the addresses of pages below the site's own, API pages last."""
    files = [file.relative_to(site) for file in site.rglob("index.html")]
    pages = [str(file.parent / "_")[:-1] for file in files]
    return sorted(
        (page for page in pages if page.startswith(tuple(beginnings or [""]))),
        key=lambda page: (page.startswith("api/"), page),
    )


def shoot(address: str, pages: list[str], folder: Path) -> list[str]:
    """Shoot pages, and return what is wrong with them, one line each."""
    faults = []
    with Browser() as browser:
        for theme in SCHEMES:
            # The page that is open when the theme changes passes its own on to the next one.
            browser.look(WIDTHS[0], theme)
            browser.open(address + pages[0])
            for page in pages:
                faults += shoot_page(browser, address, page, theme, folder)
        failed = [f"{name} does not load" for name in browser.failed]
    return [*faults, *failed]


def shoot_page(browser: Browser, address: str, page: str, theme: str, folder: Path) -> list[str]:
    """Shoot a page at each width, and return what is wrong with it."""
    faults = []
    browser.look(WIDTHS[0], theme)
    browser.open(address + page)
    scheme = browser.run("document.body.dataset.mdColorScheme")
    if scheme != SCHEMES[theme]:
        faults.append(f"/{page} is {scheme}, not {SCHEMES[theme]}")
    name = page.strip("/").replace("/", "-") or "index"
    for width in WIDTHS:
        browser.look(width, theme)
        browser.shoot(folder / f"{name}-{width}-{theme}.png")
        if theme == "light":
            faults += [f"/{page} at {width}: {line}" for line in browser.run(OVERFLOW)]
    return faults


def main(site: Path, folder: Path, beginnings: list[str]) -> int:
    """Shoot pages, two at once; return 1 if something overflows."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = addresses(site, beginnings)
    with served(site) as address, ThreadPoolExecutor(2) as pool:
        halves = [pages[::2], pages[1::2]]
        work = pool.map(lambda half: shoot(address, half, folder), halves)
        faults = sorted({fault for half in work for fault in half})
    print(*faults, sep="\n")
    print(f"{len(pages)} pages, {len(faults)} faults; pictures in {folder}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
