// The theme's script brings search, copy buttons and the switch of color scheme. A page is complete without them, so the
// script comes when the reader first moves. Its address is set when the site is built.
const { theme } = document.currentScript.dataset;
const signs = ["pointermove", "pointerdown", "touchstart", "keydown", "focusin"];
const load = () => {
  for (const sign of signs) removeEventListener(sign, load, true);
  const script = document.createElement("script");
  script.src = theme;
  script.addEventListener("load", () => {
    document.dispatchEvent(new Event("DOMContentLoaded")); // it waits for this, which is over by now
    document.documentElement.classList.remove("waiting"); // it knows the system's scheme
  });
  document.body.append(script);
};
for (const sign of signs) addEventListener(sign, load, { capture: true, passive: true });

// Material puts each copy button into a nav of its own, which would make every snippet a landmark without a name.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll("nav.md-code__nav")) nav.setAttribute("role", "none");
}).observe(document.body, { childList: true, subtree: true });

// The drawer's switch is a label, which no key reaches: a button takes its place.
for (const label of document.querySelectorAll("label.md-header__button[for=__drawer]")) {
  const button = document.createElement("button"), drawer = label.control;
  Object.assign(button, { type: "button", className: label.className, ariaLabel: "Pages", ariaExpanded: drawer.checked });
  button.append(...label.childNodes);
  button.addEventListener("click", () => drawer.click());
  drawer.addEventListener("change", () => (button.ariaExpanded = drawer.checked));
  label.replaceWith(button);
}
