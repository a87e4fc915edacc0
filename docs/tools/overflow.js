// What a reader of this page cannot see, or only by scrolling sideways; a list of lines.
(() => {
  const content = document.querySelector(".md-content") ?? document.body;
  const narrow = innerWidth < 600;
  const faults = [];
  const say = (what, element, wide, room) => {
    const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    faults.push(`${what}, ${Math.round(wide)} of ${Math.round(room)} px: ${text}`);
  };
  const scrolls = (element) =>
    ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  if (document.documentElement.scrollWidth > innerWidth)
    say("page", document.querySelector("h1"), document.documentElement.scrollWidth, innerWidth);
  const seen = new Set();
  for (const element of content.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || !element.checkVisibility({ visibilityProperty: true }))
      continue;
    const { scrollWidth, clientWidth } = element;
    const overflow = getComputedStyle(element).overflowX;
    // A table is as wide as a scroll bar around it lets it be.
    const name = element.querySelector("table") ? "table" : element.closest("pre") ? "code" : element.localName;
    if (clientWidth && scrollWidth > clientWidth + 1) {
      if (!narrow && scrolls(element)) say(`${name} scrolls`, element, scrollWidth, clientWidth);
      if (["hidden", "clip"].includes(overflow) && box.width > 30 && !element.closest("svg, nav, label, button"))
        say(`${name} is cut`, element, scrollWidth, clientWidth);
    }
    if (box.right > innerWidth + 1) {
      let above = element;
      while (above && above !== content && !scrolls(above)) above = above.parentElement;
      if (above === content && !seen.has(element.parentElement))
        say(`${name} is cut`, element, box.right, innerWidth);
      seen.add(element);
    }
    if (element.matches("td code, th code") && !/\s/.test(element.textContent) && element.getClientRects().length > 1)
      say("word in a table is broken", element, scrollWidth, clientWidth);
    if (element.matches("img") && element.complete && !element.naturalWidth)
      faults.push(`picture is not there: ${element.getAttribute("src")}`);
  }
  return faults;
})();
