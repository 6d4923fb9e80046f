// A snippet to run and to edit, in the Python of this page. What is typed stays here, and nothing is kept.
import { ask, stop } from "./judge.js";
import { button, make, status } from "./parts.js";

const LATE = 400; // milliseconds after which the button stops what it has started; a double click does not
const PROMPT = /^(>>>|\.\.\.)( |$)/, MISSING = /^ModuleNotFoundError: No module named '(\w+)/m;
let known = false; // whether Python has answered here

const without = (name) => {
  const notebook = document.querySelector(".colophon a[download][href$='.ipynb']");
  const link = notebook && make("a", { href: notebook.href, download: "" }, "This page as a notebook");
  const rest = link ? [link, ` runs where ${name} is installed.`] : ["Run it where it is installed, see the end of the page."];
  return [`${name} is not in this page, which has the standard library and hw only. `, ...rest];
};

export const bind = (element) => {
  const lines = element.querySelector("pre > code").textContent.split("\n").filter((line) => PROMPT.test(line));
  const code = lines.map((line) => line.slice(4)).join("\n");
  const next = element.nextElementSibling, shown = next?.matches(".language-text.highlight") ? next : undefined;
  const attributes = { tabIndex: 0, spellcheck: false, autocomplete: "off", autocapitalize: "off", wrap: "off" };
  const field = make("textarea", attributes), editor = make("label", { hidden: true }, "Your code", field);
  const screen = make("output", { ariaAtomic: "false" }), told = status();
  const box = make("pre", { hidden: true, tabIndex: 0, role: "group", ariaLabel: "Output" }, screen);
  let begun = 0, waiting = "", frame;

  const flush = () => {
    screen.append(waiting);
    waiting = "";
    frame = undefined;
    box.scrollTop = box.scrollHeight;
  };
  const print = (text) => {
    waiting += text;
    frame ??= requestAnimationFrame(flush);
  };
  const view = (ran) => {
    element.hidden = !editor.hidden;
    if (shown) shown.hidden = ran || !editor.hidden;
    box.hidden = !ran;
    screen.textContent = waiting = "";
    told.textContent = "";
  };
  const run = async () => {
    if (begun) return void (performance.now() - begun > LATE && stop());
    const own = (begun = performance.now());
    view(true);
    box.ariaBusy = "true"; // a screen reader waits for the end
    const late = setTimeout(() => {
      asked.textContent = "Stop";
      told.textContent = known ? "Running …" : "Loading Python, some megabytes the first time …";
    }, LATE);
    let all = "", words = [];
    try {
      await ask("run", { code: editor.hidden ? code : field.value }, (found) => {
        if (!known && told.textContent) told.textContent = "Running …";
        known = true;
        if (found.shown) print(found.shown);
        all += found.shown ?? "";
        if (found.refused) words = [found.refused];
        if (found.ended && !all) words = ["It ran to its end, and printed nothing."];
      });
      if (MISSING.test(all)) words = without(MISSING.exec(all)[1]);
    } catch (error) {
      words = [error.message];
    }
    clearTimeout(late);
    asked.textContent = "Run";
    if (begun !== own) return; // it was stopped by an edit
    begun = 0;
    box.ariaBusy = "false";
    told.replaceChildren(...words);
    box.hidden = !all;
  };
  const edit = () => {
    if (begun) stop();
    begun = 0;
    const opens = editor.hidden;
    editor.hidden = !opens;
    field.value = code;
    grow();
    view(false);
    changed.textContent = opens ? "Reset" : "Edit";
    if (opens) field.focus();
  };
  const grow = () => (field.rows = Math.min(30, field.value.split("\n").length + 1));

  const asked = button("Run", run), changed = button("Edit", edit);
  field.addEventListener("input", grow);
  (shown ?? element).after(make("div", { className: "run" }, editor, box, make("div", { className: "acts" }, asked, changed), told));
};
