// What a page shows of code and what it says to install; `aim` then leads the mouse from copy button to copy button.
async () => {
  const unrunnable = { signatures: ".doc-signature", listings: ".mkdocstrings-source" };
  const python = ".language-pycon, .language-python, .language-py";
  document.querySelectorAll("details").forEach((folded) => (folded.open = true));
  const steady = new CSSStyleSheet(); // no button is where it is only estimated to be
  steady.replaceSync("* { content-visibility: visible !important }");
  document.adoptedStyleSheets.push(steady);

  const block = (code) => code.closest(".highlight") ?? code.parentElement;
  const output = (element) => element?.matches(".language-text") && element.previousElementSibling?.matches(python);
  const kind = (code) => Object.keys(unrunnable).find((name) => code.closest(unrunnable[name]));
  const language = (code) => block(code).className.match(/language-(\w+)/)?.[1] ?? "plain text";
  const button = (code) => code.parentElement.querySelector(".md-code__button");
  const place = (element) => {
    const before = [...document.querySelectorAll(":is(h1, h2, h3, h4, h5, h6)[id]")].filter(
      (heading) => heading.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    return before.length ? `#${before.at(-1).id}` : "";
  };

  const drawing = (code) => {
    const beside = [block(code).nextElementSibling, block(code).previousElementSibling];
    const drawn = beside.map((element) => element?.matches("svg, table, figure, .output") && element);
    return drawn.find(Boolean)?.textContent ?? null;
  };
  const shown = (code) => ({
    place: place(code),
    language: language(code),
    code: code.textContent,
    beneath: output(block(code).nextElementSibling) ? block(code).nextElementSibling.textContent : null,
    drawing: drawing(code),
  });
  const formula = (copy) => ({
    place: `#${copy.closest("[id]").id}`,
    latex: copy.closest(".record").querySelector("code.latex").textContent,
  });

  const all = [...document.querySelectorAll("pre > code")].filter((code) => !output(block(code)));
  const runnable = all.filter((code) => !kind(code));
  let deadline = performance.now() + 2000; // the theme adds its buttons, all at once, after its script has come
  while (!runnable.every(button) && performance.now() < deadline) {
    await new Promise((done) => setTimeout(done, 50));
    if (runnable.some(button)) deadline = Math.min(deadline, performance.now() + 500);
  }

  const copies = [...document.querySelectorAll("button.copy")];
  const buttons = [...runnable.map(button), ...copies];
  window.aim = async (index) => {
    const copied = await navigator.clipboard.readText();
    await navigator.clipboard.writeText("");
    if (index === buttons.length) return { copied };
    buttons[index]?.scrollIntoView({ behavior: "instant", block: "center" });
    const { x, y, width, height } = buttons[index]?.getBoundingClientRect() ?? {};
    const middle = [x + width / 2, y + height / 2];
    const hit = buttons[index] && document.elementFromPoint(...middle);
    return { copied, missing: !buttons[index], at: hit && buttons[index].contains(hit) ? middle : null };
  };

  return {
    blocks: runnable.map(shown),
    formulas: copies.map(formula),
    unrunnable: Object.keys(unrunnable).map((name) => [name, all.filter((code) => kind(code) === name).length]),
    notebook: Boolean(document.querySelector('p.margin > a[download][href$=".ipynb"]')),
    canonical: document.querySelector("link[rel=canonical]")?.href ?? "",
    colophon: document.querySelector(".colophon")?.textContent ?? "",
    installs: [...document.querySelectorAll(".colophon code")].map((code) => code.textContent.trim()),
  };
};
