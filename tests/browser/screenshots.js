// Gives a page a scheme and makes it look the same after every commit; says how tall it is and where its headings stand.
async (scheme) => {
  if (!document.querySelector("#steady")) {
    // What scrolls or sticks is painted apart, and where its edges fall between pixels they came out differently from time
    // to time; without scrolling there is nothing for the shade at its end to tell.
    // The theme draws a line under the header and has the page's title in it once the page has moved, and may be late to
    // take both back.
    const style = document.createElement("style");
    style.id = "steady";
    style.textContent = `
      *, ::before, ::after, ::placeholder { animation: none !important; transition: none !important; content-visibility: visible !important; }
      pre, pre > code, .formula, [class$=scrollwrap] { overflow: hidden !important; background-image: none !important; }
      .md-header { position: static !important; box-shadow: none !important; }
      .md-header__topic:first-child { opacity: 1 !important; transform: none !important; }
      .md-header__topic + .md-header__topic { opacity: 0 !important; }
      .colophon > p:not(:first-child) { display: none !important; }`;
    document.head.append(style);
  }
  for (const code of document.querySelectorAll(".colophon code")) code.textContent = "pip install hw";
  for (const mark of document.querySelectorAll("details.mark > summary, td.sign")) {
    const texts = document.createTreeWalker(mark, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(/\d/g, "0");
  }
  const frame = () => new Promise(requestAnimationFrame);
  const wanted = scheme === "dark" ? "slate" : "default";
  const palette = [...document.querySelectorAll("[data-md-component=palette] input")];
  palette.find((input) => input.dataset.mdColorScheme === wanted)?.click();
  while (palette.length && document.body.dataset.mdColorScheme !== wanted) await frame();
  await document.fonts.ready;
  await frame();
  await frame();
  const top = (element) => element.getBoundingClientRect().top + window.scrollY;
  const headings = [...document.querySelectorAll("article :is(h1, h2, h3, h4)")].filter((heading) => heading.checkVisibility());
  return {
    height: Math.ceil(document.documentElement.scrollHeight),
    headings: headings.map((heading) => [top(heading), heading.textContent.replace(/[#¶\s]+$/, "").trim()]),
  };
}
