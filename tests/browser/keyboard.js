// Follows the focus: what Tab reached, in which order, and whether a reader sees where it is.
(() => {
  const LOOK = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "backgroundColor", "color", "borderColor", "textDecorationLine", "opacity"];
  const { name, seen, scrolls } = globalThis.gate;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shows = (element) => [element, ...(element.labels ?? []), element.parentElement].map((one) => LOOK.map((key) => getComputedStyle(one)[key]).join()).join("|");

  function wanted() {
    const native = "a[href], button, input, select, textarea, summary, [tabindex], [onclick], [contenteditable]";
    const shown = (one) => one.getClientRects().length && one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const asked = (one) => one.tabIndex >= 0 || one.hasAttribute("onclick");
    const list = all(native).filter((one) => asked(one) && shown(one) && !one.closest("[inert], [disabled], .headerlink"));
    const regions = all("article *").filter((one) => !one.closest(".katex, svg") && seen(one) && scrolls(one) && !one.querySelector("a[href], button, [tabindex='0']"));
    const switches = all(".md-header label[for]:not([for=__search])").filter((one) => shown(one) && one.control && !one.control.checkVisibility());
    return [...new Set([...list, ...regions, ...switches])];
  }

  function hidden(element) {
    const rect = [...element.getClientRects()].find((one) => one.width && one.height);
    if (!rect || rect.width <= 1 || getComputedStyle(element).clipPath !== "none") return false;
    const left = Math.max(rect.left, 0), right = Math.min(rect.right, innerWidth), top = Math.max(rect.top, 0), bottom = Math.min(rect.bottom, innerHeight);
    if (right - left < 1 || bottom - top < 1) return true;
    const spots = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.9]].map(([x, y]) => document.elementFromPoint(left + x * (right - left), top + y * (bottom - top)));
    return !spots.some((hit) => hit && (element.contains(hit) || hit.contains(element) || [...(element.labels ?? [])].some((one) => one.contains(hit))));
  }

  // The next Tab starts from the top, wherever the focus was.
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  scrollTo(0, 0);

  const state = { wanted: wanted(), before: new Map(), steps: [], done: false, said: new Map() };
  const say = (what, element) => state.said.set(what, [...(state.said.get(what) ?? []), name(element)]);
  const said = ([what, names]) => `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}: ${what}`;
  for (const one of state.wanted) state.before.set(one, shows(one));
  addEventListener("keydown", (event) => {
    const focus = document.activeElement;
    if (event.key !== "Tab" || event.shiftKey || state.done || focus === document.body) return;
    if (state.steps.includes(focus)) return void (state.done = true);
    state.steps.push(focus);
    if (state.before.has(focus) && shows(focus) === state.before.get(focus)) say("the focus does not show", focus);
    if (hidden(focus)) say("the focus is out of sight", focus);
  }, true);

  globalThis.follow = {
    expected: () => state.wanted.length,
    done: () => state.done || (state.steps.length > 0 && document.activeElement === document.body),
    lines() {
      const back = state.steps.findIndex((one, i) => i && state.steps[i - 1].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING);
      if (back > 0) say(`reached after ${name(state.steps[back - 1])}, against the page's order`, state.steps[back]);
      const reached = new Set(state.steps);
      for (const one of state.wanted) {
        if (one.tabIndex > 0) say("taken out of the page's order by its tabindex", one);
        const others = one.name ? document.getElementsByName(one.name) : [];
        if (!reached.has(one) && ![...others].some((other) => reached.has(other))) say("not reached by Tab", one);
      }
      return [...state.said].map(said);
    },
    at: () => state.steps.indexOf(document.activeElement),
    last: () => state.steps.length - 1,
  };
})();
