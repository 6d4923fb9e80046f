// The reader's own derivation: lines of LaTeX with a preview, each step judged by hw.checked_math in a worker.
import { ask, stop } from "./judge.js";
import { busy, button, choice, make, status } from "./parts.js";

const SIGNS = [["=", "="], ["\\le", "≤"], ["\\ge", "≥"], ["<", "<"], [">", ">"]];
const MOST = 30, LONGEST = 2000; // lines, and characters of one, that are shown and judged
const at = (path) => new URL(path, import.meta.url).href;
let katex; // once for all editors of a page

const typesetter = () =>
  (katex ??= new Promise((resolve, reject) => {
    const sheet = make("link", { rel: "stylesheet", href: at("../katex/katex.min.css") });
    const script = make("script", { src: at("../katex/katex.min.js") });
    script.onload = () => resolve(window.katex);
    script.onerror = () => reject(new Error("The preview could not be loaded; the check works without it."));
    document.head.append(sheet, script);
  }));

export const bind = (element) => {
  const { chains, card, macros } = JSON.parse(element.querySelector("script").textContent);
  let chain = chains[0], planted, seed = Math.floor(Math.random() * 1e6), number = 0, turn = 0, typeset, waiting;
  const plain = []; // what is to be typeset when that can be done

  const set = (place, latex) => {
    if (latex.length > LONGEST) place.textContent = `${latex.slice(0, 80)} …`;
    else if (typeset) place.innerHTML = typeset.renderToString(latex, { throwOnError: false, macros: { ...macros }, strict: false });
    else {
      place.textContent = latex;
      plain.push([place, latex]);
    }
  };
  const begin = async () => {
    if (typeset) return;
    try {
      typeset = await typesetter();
      for (const [place, latex] of plain.splice(0)) set(place, latex);
    } catch (error) {
      told.textContent = error.message;
    }
    ladder.hidden = false;
  };
  const written = () => [
    ...area.value.split("\n").map((line) => line.trim()).filter(Boolean),
    `${last.value} ${chain.lines.at(-1)[1]}`,
  ];
  const models = () => [...models_.querySelectorAll("input:checked")].map((box) => box.value);

  // ---- the ladder: a row for each expression, with its mark
  const row = (latex, ...more) => {
    const formula = make("div", { className: "formula", tabIndex: 0, role: "group", ariaLabel: "formula" });
    set(formula, latex);
    return make("li", {}, formula, ...more);
  };
  const show = () => {
    const rows = written().slice(0, MOST).map((line, step) => {
      const marks = make("div", { className: "marks" });
      const found = row(line, marks);
      if (planted) marks.append(button("This line was changed", () => guess(step)));
      return found;
    });
    ladder.replaceChildren(row(chain.first), ...rows);
    told.textContent = "";
  };
  const marks = (step) => ladder.children[step + 1]?.querySelector(".marks");
  const says = ({ left, sign, right }) => `${left} ${sign} ${right}, false`;
  const listed = (pairs) =>
    make("dl", {}, ...pairs.flatMap(([latex, text]) => {
      const name = make("dt");
      set(name, latex);
      return [name, make("dd", { textContent: text })];
    }));
  const values = (found) => {
    const all = listed(found.instance);
    all.append(make("dt", { textContent: "the step says" }), make("dd", { className: "false", textContent: says(found) }));
    return make("div", { className: "counterexample" }, all);
  };
  const mark = ({ step, model, instances, counterexample, error, at: column }) => {
    const place = marks(step);
    if (!place) return;
    place.querySelector(`[data-model="${model}"]`)?.remove();
    const own = make("div", { "data-model": model });
    if (counterexample && place.querySelector(".counterexample")) {
      own.append(make("p", { className: "bad", textContent: `✗ Wrong in ${model} too: ${says(counterexample)}` }));
    } else if (counterexample) {
      own.append(make("p", { className: "bad", textContent: `✗ Wrong. The smallest counterexample found in ${model}:` }), values(counterexample));
    } else if (error) {
      own.append(make("p", { className: "bad", textContent: column ? `Cannot be read at column ${column}: ${error}` : `Not checked: ${error}` }));
    } else own.append(make("p", { textContent: `✓ no counterexample in ${instances} instances of ${model}` }));
    place.append(own);
  };

  // What is asked from here on is about the lines as they are now; answers about others come too late.
  const fresh = (kept) => {
    clearTimeout(waiting);
    planted = kept;
    return ++turn;
  };

  // ---- what the buttons do
  const check = () =>
    busy(checked, told, async (begun) => {
      const own = fresh();
      show();
      await ask("derivation", { given: chain.given, lines: written(), models: models() }, (found) => {
        begun();
        if (own !== turn) return; // the lines are others now
        if (found.refused) told.textContent = found.refused;
        else if (found.verdict) told.textContent = found.final ? found.verdict : `${found.verdict} Going on with more instances …`;
        else mark(found);
      });
    });
  const breakIt = () =>
    busy(broken, told, async (begun) => {
      const own = fresh();
      await ask("broken", { given: chain.given, seed: seed++ }, (found) => {
        begun();
        if (own !== turn) return;
        if (found.refused) return (told.textContent = found.refused);
        area.value = found.lines.slice(0, -1).map((line) => line.join(" ")).join("\n");
        last.value = found.lines.at(-1)[0];
        planted = found;
        show();
        told.textContent = "One thing in one line is changed, and the chain is wrong now. Which line is it?";
      });
    });
  const guess = (step) => {
    if (step !== planted.line) return (told.textContent = `Line ${step + 1} reads as on the page. Try another.`);
    const [first] = planted.failing, { change } = planted;
    planted = undefined;
    show();
    mark(first);
    told.textContent = `Yes: line ${step + 1} was changed (${change}). The step to line ${first.step + 1} fails at this counterexample.`;
  };
  const look = () =>
    busy(looked, told, async (begun) => {
      const [model] = models(), own = fresh(planted);
      await ask("instance", { given: chain.given, lines: written(), model: model ?? chain.given.models[0], number: number++ }, (found) => {
        begun();
        if (own !== turn) return;
        if (found.refused) return (told.textContent = found.refused);
        show();
        element.querySelector(":scope > .counterexample")?.remove();
        [...ladder.children].forEach((one, place) => one.append(make("p", { className: "value", textContent: found.values[place] })));
        told.textContent = `Instance ${number} of ${model ?? chain.given.models[0]}, and the value of each expression there:`;
        ladder.before(make("div", { className: "counterexample" }, listed(found.words)));
      });
    });
  const start = (lines) => {
    if ([checked, broken, looked].some((one) => one.ariaDisabled === "true")) stop();
    fresh();
    number = 0;
    element.querySelector(":scope > .counterexample")?.remove();
    area.value = lines.slice(0, -1).map((line) => line.join(" ")).join("\n");
    area.rows = Math.max(4, lines.length);
    last.value = lines.at(-1)[0];
    set(end, chain.lines.at(-1)[1]);
    const { sentences, conditions, given } = chain;
    models_.replaceChildren(
      ...given.models.map((name) => {
        const box = make("input", { type: "checkbox", value: name, checked: true });
        return make("label", { className: "choice" }, box, ` ${name}: ${sentences[name].replace(/\.$/, "")}`);
      }),
    );
    about.textContent = conditions.length ? `Claimed where ${conditions.join(", and ")}.` : "";
    show();
  };
  const empty = () => {
    const sign = chain.lines.map(([one]) => one).find((one) => one !== "="); // what the whole chain claims of its ends
    start([[sign ?? "=", chain.lines.at(-1)[1]]]);
  };
  const cards = () =>
    list.replaceChildren(
      ...[...card, ...chain.given.sources].flatMap((latex) => {
        const name = make("dt");
        set(name, latex);
        return [name, make("dd", {}, make("code", { textContent: latex }))];
      }),
    );

  // ---- the editor
  const area = make("textarea", { tabIndex: 0, maxLength: 100_000, spellcheck: false, autocapitalize: "off", autocomplete: "off" });
  const told = status(), ladder = make("ol", { className: "ladder", hidden: true }), about = make("p", { className: "about" });
  const models_ = make("div", { className: "acts", role: "group", ariaLabel: "Models" }), end = make("span"), list = make("dl");
  const checked = button("Check", check), broken = button("Break it", breakIt), looked = button("Look at an instance", look);
  const last = make("select", { ariaLabel: "Relation before the last expression" }, ...SIGNS.map(([value, text]) => make("option", { value, textContent: text })));
  const which = choice("Chain ", chains.map(({ title }, place) => [place, title]), 0, ({ target }) => {
    chain = chains[target.value];
    start(chain.lines);
  });
  const label = make("label", { className: "lines" }, "Your lines: each a relation sign and an expression in LaTeX", area);
  area.addEventListener("input", () => {
    fresh();
    waiting = setTimeout(show, 150);
  });
  last.addEventListener("change", () => (fresh(), show()));
  element.addEventListener("focusin", begin);
  element.addEventListener("pointerdown", begin);
  const details = make("details", { className: "card" }, make("summary", { textContent: "How to write it" }), list);
  element.append(
    ...(chains.length > 1 ? [which] : []),
    label,
    make("div", { className: "acts" }, make("label", { className: "choice" }, "The end stays: ", last), end),
    about,
    models_,
    make("div", { className: "acts" }, checked, broken, looked, button("The page's chain", () => start(chain.lines)), button("Empty", empty)),
    told,
    ladder,
    details,
  );
  element.querySelector(".static").remove();
  start(chain.lines);
  cards();
};
