"""Types the words of readers into the site's own search, and looks at the first three results.

    python docs/tools/searches.py site

It is the search of the built site that answers, in Chromium.
"""

import sys
from pathlib import Path

from browser import Browser, served

# By words, the pages of which one should be among the first three results.
WANTED = {
    "gpu": ["scale/devices"],
    "several gpus": ["scale/devices", "scale/workers"],
    "tune": ["models/tuning"],
    "mlflow": ["use/tracking"],
    "hugging face": ["use/sharing"],
    "parquet": ["data/large", "data/frames"],
    "polars": ["data/large", "data/frames", "use/forecasting"],
    "deploy": ["use/serving", "use/exporting"],
    "serve": ["use/serving"],
    "retrain": ["use/every-morning", "use/fine-tuning"],
    "drift": ["use/every-morning", "use/fine-tuning"],
    "daily": ["use/every-morning"],
    "darts": ["compare/darts"],
    "skforecast": ["compare/skforecast"],
    "neuralforecast": ["compare/neuralforecast"],
    "holiday": ["data/covariates", "data/calendar", "learn/stores"],
    "promotion": ["learn/stores", "data/covariates", "use/what-if"],
    "multivariate": ["models/several-targets"],
    "jitter": ["data/sensors"],
    "sparse": ["learn/sparse"],
    "ensemble": ["models/ensembles"],
    "stateful": ["models/stateful"],
    "autokeras": ["compare/autokeras"],
    "chronos": ["compare/chronos"],
    "window length": ["data/windows", "help/faq"],
    "which preset": ["start/choosing", "models/presets"],
    "prediction interval": ["trust/intervals"],
    "probabilistic": ["trust/intervals"],
    "negative": ["help/faq", "models/presets"],
    "cold start": ["learn/short-series", "help/faq", "use/fine-tuning"],
    "export": ["use/exporting"],
    "notebook": ["learn/course", "learn/stores", "start/ten-minutes"],
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
        for words, wanted in WANTED.items():
            browser.open(address)
            pages = browser.run(SEARCH.replace("WORDS", repr(words)))
            if not {f"/{page}/" for page in wanted}.intersection(pages):
                missed += 1
                seen = ", ".join(pages) or "nothing"
                print(f"{words}: {seen}; not {' or '.join(wanted)}")
    print(f"{len(WANTED)} searches, {missed} without their page")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
