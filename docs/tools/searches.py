"""Types the words of readers into the site's own search, and looks at the first three results.

    python docs/tools/searches.py site

It is the search of the built site that answers, in Chromium.
"""

import sys
from pathlib import Path

from browser import Browser, served

# By words, a page that should be among the first three results.
WANTED = {
    "gpu": "scale/devices",
    "several gpus": "scale/devices",
    "tune": "models/tuning",
    "mlflow": "use/tracking",
    "hugging face": "use/sharing",
    "parquet": "data/large",
    "polars": "data/large",
    "deploy": "use/serving",
    "serve": "use/serving",
    "retrain": "use/every-morning",
    "drift": "use/every-morning",
    "daily": "use/every-morning",
    "darts": "compare/darts",
    "skforecast": "compare/skforecast",
    "neuralforecast": "compare/neuralforecast",
    "holiday": "data/covariates",
    "promotion": "learn/stores",
    "window length": "data/windows",
    "which preset": "start/choosing",
    "prediction interval": "trust/intervals",
    "probabilistic": "trust/intervals",
    "negative": "help/faq",
    "cold start": "learn/short-series",
    "export": "use/exporting",
    "notebook": "learn/course",
}
SEARCH = """
(async () => {
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
  const input = document.querySelector("[data-md-component=search-query]");
  input.focus();
  // Until the index is there, nothing is sought.
  for (let tries = 0; tries < 200; tries++) {
    input.value = WORDS;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true }));
    await pause(50);
    const results = document.querySelectorAll(".md-search-result__item");
    if (results.length)
      return [...results].slice(0, 3).map((item) => item.querySelector("a").pathname);
  }
  return [];
})()
"""


def main(site: Path) -> int:
    """Print the results of words whose page is not among the first; return 1 if there are any."""
    missed = 0
    with served(site) as address, Browser() as browser:
        browser.look(1280, "light")
        for words, page in WANTED.items():
            browser.open(address)
            pages = browser.run(SEARCH.replace("WORDS", repr(words)))
            if f"/{page}/" not in pages:
                missed += 1
                print(f"{words}: {', '.join(pages) or 'nothing'}; not {page}")
    print(f"{len(WANTED)} searches, {missed} without their page")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
