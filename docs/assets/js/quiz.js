// Choices that are answered in the page. All it says stands on the page: the options in the question's panel, reasons and
// counterexamples where `hw.site.quiz` has marked them. Nothing is stored.

const make = (name, attributes, ...children) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
};

const copies = (nodes) => [...nodes].flatMap((node) => {
  const holder = make("div", {}, node.cloneNode(true));
  for (const gone of holder.querySelectorAll(".headerlink, .md-code__nav, .run, button:not([data-clipboard-text])")) gone.remove();
  for (const away of holder.querySelectorAll("[hidden]")) away.hidden = false; // a snippet's output, once it was run
  for (const named of holder.querySelectorAll("[id]")) named.removeAttribute("id");
  for (const code of holder.querySelectorAll("pre > code")) code.tabIndex = 0; // it may be wider than the screen
  for (const folded of holder.querySelectorAll("details:not(.mark)")) folded.open = true;
  return [...holder.childNodes];
});

const level = (element) => +(/^H([1-6])$/.exec(element.tagName)?.[1] ?? 7);

// What an element with a mark stands for: a heading for its section, a formula for itself, another for what is in it.
const told = (element) => {
  if (element.matches(".claim")) return copies([element]);
  if (level(element) > 6) return [make(element.matches("div") ? "div" : "p", {}, ...copies(element.childNodes))];
  const section = [];
  for (let next = element.nextElementSibling; next && level(next) > level(element); next = next.nextElementSibling) {
    section.push(next);
  }
  return copies(section);
};

const link = (element, ...text) => make("p", { className: "place" }, make("a", { href: `#${element.id}` }, ...text));

// A reason with its counterexample, and where both stand.
const explained = (reason) => {
  const { counter, argued } = reason.dataset, shown = document.getElementById(counter);
  const parts = [...told(reason), link(reason.id ? reason : reason.firstElementChild, "In its place on the page")];
  if (argued) parts.push(make("p", { className: "place" }, "Argued in words: no code runs for it."));
  if (shown) {
    const title = shown.matches(".claim") ? ["A formula of the page"] : copies(shown.childNodes);
    parts.push(link(shown, ...title), ...told(shown));
  }
  return parts;
};

// The name of a control leaves formulas out, so that options may have the same one: their LaTeX is put in.
const named = (text) => {
  const copy = text.cloneNode(true);
  for (const one of copy.querySelectorAll(".katex")) {
    one.replaceWith((one.querySelector("annotation") ?? one.querySelector("math") ?? one).textContent);
  }
  return copy.textContent.replace(/\s+/g, " ").trim();
};

const question = (name, part, items) => {
  const key = part.matches("li") ? `${name}(${/\((\w)\)/.exec(part.textContent)[1]})` : name;
  const choices = [...items].map((item) => {
    const letter = /\((\w)\)/.exec(item.textContent)[1], token = `${key}(${letter})`;
    const right = document.querySelector(`[data-right~="${token}"]`);
    return { item, letter, right: !!right, reason: right ?? document.querySelector(`[data-wrong~="${token}"]`) };
  });
  const rights = choices.filter((choice) => choice.right).length, several = rights > 1;
  const title = key.replace("(", " (");
  const legend = make("legend", {}, ...(key === name ? [] : [`${name} `]), ...copies(part.childNodes));
  const fieldset = make("fieldset", {}, legend);
  for (const choice of choices) {
    choice.input = make("input", { type: several ? "checkbox" : "radio", name: `quiz-${key}`, autocomplete: "off" });
    choice.answer = make("div", { className: "answer" });
    const text = make("span", {}, ...copies(choice.item.childNodes));
    if (text.querySelector(".katex")) choice.input.ariaLabel = named(text);
    fieldset.append(make("label", {}, choice.input, text), choice.answer);
  }
  const clear = () => choices.forEach(({ answer }) => answer.replaceChildren());
  const check = () => {
    clear();
    const chosen = choices.filter(({ input }) => input.checked);
    if (!chosen.length) return `${title}: nothing is chosen yet.`;
    const verdicts = chosen.map(({ letter, right, reason, answer }) => {
      const said = `(${letter}) is ${right ? (several ? "a right" : "the right") : "a wrong"} choice.`;
      const sign = make("span", { className: right ? "yes" : "no", ariaHidden: "true" }, right ? "✓ " : "✗ ");
      answer.append(make("p", { className: "verdict" }, sign, said), ...explained(reason));
      return said;
    });
    const missing = chosen.filter(({ right }) => right).length < rights;
    if (several) verdicts.push(missing ? "A right choice is missing." : "No right choice is missing.");
    return `${title}: ${verdicts.join(" ")}`;
  };
  return { fieldset, clear, check };
};

export const bind = (element) => {
  const name = element.dataset.question;
  const [asks, options, cases] = ["asks", "options", "cases"].map((kind) => document.querySelector(`[data-${kind}="${name}"]`));
  const questions = (cases ? [...cases.children] : [asks]).map((part) => question(name, part, options.children));
  const status = make("p", { role: "status" });
  const buttons = make("p", {}, make("button", {}, `Check ${name}`), " ", make("button", { type: "reset" }, "Start again"));
  const form = make("form", { className: "quiz", ariaLabel: `Question ${name}` });
  form.append(...questions.map(({ fieldset }) => fieldset), buttons, status);
  const clear = () => {
    status.textContent = "";
    questions.forEach((each) => each.clear());
  };
  form.addEventListener("change", clear); // what was said is about another choice
  form.addEventListener("reset", clear);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    status.textContent = questions.map((each) => each.check()).join(" ");
  });
  element.append(form);
};
