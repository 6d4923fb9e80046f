// What the gate `views` asks of a page: every function of `gate` returns lines, each naming an element in words.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: false });
  const style = (element) => getComputedStyle(element);
  const box = (element) => element.getBoundingClientRect();
  const short = (text) => (text ?? "").replace(/\s+/g, " ").trim().slice(0, 50);
  const unseen = (element) => element.closest(".unseen, .md-skip") || style(element).clipPath !== "none";
  const PARTS = ".formula, .katex-display, figure, svg, .margin, summary, table, pre, p, h1, h2, h3, h4, li, td, th, dt, dd, figcaption, img, .label";

  function name(element) {
    const own = element.id ? `#${element.id}` : [...element.classList].slice(0, 2).map((one) => `.${one}`).join("");
    const place = element.closest("[id]:not(html, body, article)");
    const text = short(element.getAttribute("aria-label") || element.innerText || element.textContent);
    const within = place && place !== element ? ` in #${place.id}` : "";
    return `${element.localName}${own}${within}${text ? ` “${text}”` : ""}`;
  }

  const listed = (elements) =>
    elements.slice(0, 3).map(name).join(", ") + (elements.length > 3 ? ` and ${elements.length - 3} more` : "");

  const scroller = (element) => {
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      if (/auto|scroll/.test(style(one).overflowX)) return one;
    }
  };
  const scrolls = (element) =>
    (/auto|scroll/.test(style(element).overflowX) && element.scrollWidth > element.clientWidth + 1) ||
    (/auto|scroll/.test(style(element).overflowY) && element.scrollHeight > element.clientHeight + 1);
  const reachable = (element) => element.hasAttribute("tabindex") && element.tabIndex >= 0;

  function block(element) {
    if (element.localName === "table") return element.closest(".md-content") ?? document.body;
    let one = element.parentElement;
    while (one.parentElement && /inline|contents/.test(style(one).display)) one = one.parentElement;
    return one;
  }

  // The ink of a glyph is smaller than its font's box, which KaTeX lets stick out of a formula.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function ink(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const of = style(node.parentElement);
    canvas.font = `${of.fontStyle} ${of.fontWeight} ${of.fontSize} ${of.fontFamily}`;
    const size = canvas.measureText(node.data.trim());
    return [...range.getClientRects()].filter((rect) => rect.width > 0).map((rect) => {
      const line = rect.top + size.fontBoundingBoxAscent;
      return { left: rect.left, right: rect.right, top: line - size.actualBoundingBoxAscent, bottom: line + size.actualBoundingBoxDescent };
    });
  }

  function texts(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
      node.data.trim() && !node.parentElement.closest("math, script, style, .unseen, svg") && seen(node.parentElement) ? 1 : 2);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found;
  }

  function outside(inner, outer, tolerance, x, y) {
    return (x && (inner.left < outer.left - tolerance || inner.right > outer.right + tolerance)) ||
      (y && (inner.top < outer.top - tolerance || inner.bottom > outer.bottom + tolerance));
  }

  const meet = (a, b, tolerance) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > tolerance && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > tolerance;

  function overlaps(items, tolerance, say) {
    const found = [], open = [];
    items.sort((a, b) => a.rect.top - b.rect.top);
    for (const item of items) {
      for (let i = open.length - 1; i >= 0; i--) if (open[i].rect.bottom <= item.rect.top + tolerance) open.splice(i, 1);
      for (const other of open) {
        const kin = item.element.contains(other.element) || other.element.contains(item.element);
        if (!kin && meet(item.rect, other.rect, tolerance)) found.push(say(item.element, other.element));
      }
      open.push(item);
    }
    return found;
  }

  const clip = (element) => {
    const rect = box(element), around = element.parentElement && scroller(element.parentElement);
    if (!around) return rect;
    const outer = box(around);
    return { left: Math.max(rect.left, outer.left), right: Math.min(rect.right, outer.right), top: Math.max(rect.top, outer.top), bottom: Math.min(rect.bottom, outer.bottom) };
  };

  // A color on its way is neither that of before nor that of after, and a place that is only estimated, as on a phone what
  // is far from the screen, is not where a reader will see it. The page's policy refuses a <style>.
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after, ::placeholder { transition: none !important; animation: none !important; scroll-behavior: auto !important; content-visibility: visible !important }");
  document.adoptedStyleSheets.push(still);

  globalThis.gate = {
    open() {
      for (const one of all("details:not([open])")) one.toggleAttribute("data-shut", (one.open = true));
    },

    // As the page was before the keyboard: the search that Tab opened is closed, and so is what was opened for it.
    shut() {
      document.activeElement.blur();
      for (const one of all("#__search:checked, #__drawer:checked")) one.click();
      for (const one of all("details[data-shut]")) one.open = one.toggleAttribute("data-shut", false);
    },

    // Two frames: the theme gives or takes a scrolling block's tabindex once its size has changed.
    settled: () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 0)))),

    inView: (selector) => all(selector).some((one) => seen(one) && box(one).width > 1 && box(one).left >= 0 && box(one).right <= innerWidth && box(one).top < innerHeight),

    sideways() {
      const room = document.documentElement.clientWidth;
      const wide = [document.documentElement, document.body].some((one) => one.scrollWidth > room);
      if (!wide) return [];
      const past = all("body *").filter((one) => seen(one) && box(one).right > room + 0.5 && !one.closest(".katex-mathml") && !scroller(one) && style(one).position !== "fixed");
      const deepest = past.filter((one) => !past.some((other) => other !== one && one.contains(other)));
      return [`the page scrolls sideways, for ${listed(deepest) || "some element"}`];
    },

    wide() {
      const found = [];
      for (const one of all("article :is(.katex, svg, table, pre, img)")) {
        if (!seen(one) || unseen(one) || one.parentElement.closest(".katex, svg")) continue;
        const around = scroller(one);
        if (!around && outside(box(one), box(block(one)), 1.5, true, false)) found.push(`${name(one)} is wider than its column, and nothing around it scrolls`);
      }
      for (const one of all("article *")) {
        if (one.closest(".katex, svg") || !seen(one) || !scrolls(one)) continue;
        if (!reachable(one) && !one.querySelector("a[href], button, [tabindex='0']")) found.push(`${name(one)} scrolls, but not by keyboard: no tabindex`);
      }
      return found;
    },

    cut() {
      const found = [];
      for (const one of all("main *, .md-footer *")) {
        if (one.closest(".katex, .unseen, .md-sidebar, .md-clipboard, .md-search") || one.closest("svg") && one.localName !== "svg") continue;
        const { overflowX, overflowY, clipPath } = style(one), hides = (value) => /hidden|clip/.test(value);
        if ((!hides(overflowX) && !hides(overflowY)) || clipPath !== "none" || !seen(one)) continue;
        const x = hides(overflowX), y = hides(overflowY), outer = box(one);
        if (one.localName === "svg") {
          const out = all("text, path, rect, circle, line", one).find((part) => outside(box(part), outer, 2, x, y));
          if (out) found.push(`${name(one)} cuts its own ${name(out)}`);
        } else if ((x && one.scrollWidth > one.clientWidth + 1) || (y && one.scrollHeight > one.clientHeight + 1)) {
          const pictures = all("img, svg:not(.katex svg), canvas", one).filter(seen).map((part) => [part, box(part)]);
          const letters = texts(one).flatMap((node) => ink(node).map((rect) => [node.parentElement, rect]));
          const out = [...pictures, ...letters].find(([, rect]) => outside(rect, outer, 1, x, y));
          if (out) found.push(`${name(one)} cuts ${name(out[0])}`);
        }
      }
      return found;
    },

    overlap() {
      const items = all(`article :is(${PARTS})`)
        .filter((one) => seen(one) && style(one).display !== "inline" && !one.parentElement.closest(".katex, svg") && !one.closest(".unseen, thead, .md-clipboard, button, nav") && box(one).width > 1 && box(one).height > 1)
        .map((element) => ({ element, rect: clip(element) }));
      return overlaps(items, 2, (a, b) => `${name(a)} overlaps ${name(b)}`);
    },

    lettering() {
      const found = [], column = document.querySelector("article") ?? document.body;
      for (const svg of all("svg", column)) {
        if (svg.closest(".katex") || !seen(svg)) continue;
        const room = box(svg.closest("figure, .margin, td") ?? column);
        const items = all("text", svg).filter((one) => seen(one) && one.textContent.trim()).map((element) => {
          const { left, right, top, bottom, height } = box(element);
          return { element, rect: { left, right, top: top + height / 5, bottom: bottom - height / 5 } };
        });
        for (const { element, rect } of items) {
          if (outside(rect, room, 1, true, false)) found.push(`${name(element)} leaves the column of ${name(svg)}`);
        }
        found.push(...overlaps(items, 1, (a, b) => `${name(a)} overlaps ${name(b)} in ${name(svg)}`));
      }
      return found;
    },

    pictures() {
      const found = [], known = new Map();
      for (const one of all("article :is(img, [role=img], figure svg)")) {
        if (one.closest("[aria-hidden=true], .katex") || one.parentElement.closest("[role=img], svg")) continue;
        const by = (one.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
        const label = short(by.trim() || one.getAttribute("aria-label") || one.getAttribute("alt") || one.querySelector(":scope > title")?.textContent);
        const full = by.trim() || one.getAttribute("aria-label") || one.getAttribute("alt") || one.querySelector(":scope > title")?.textContent || "";
        const inert = one.closest("[role=group], [role=button], [role=application]") && !one.matches("img, [role=img]");
        if (inert) continue;
        if (!label) found.push(`${name(one)} has no alternative text`);
        else if (/\.(svg|png|jpe?g|gif|webp)$/i.test(full) || /^(an? |the )?(image|figure|picture|img|diagram|chart|plot|graphic)[\s\d.]*$/i.test(full)) found.push(`${name(one)} has “${label}” for alternative text, which says nothing`);
        else if (known.has(full) && known.get(full) !== (one.src || one.outerHTML)) found.push(`two different figures share the alternative text “${label}”`);
        known.set(full, one.src || one.outerHTML);
      }
      return found;
    },

    // Axe takes its time by the element. A formula's spans, a token's repetition and an svg's shapes have neither role,
    // name nor focus, and their color is that of one that stays.
    simplify() {
      const plain = (root) => !root.querySelector("a, button, img, [id], [role], [tabindex], [aria-label], [style*='color']");
      for (const part of all(".katex-html, .katex math")) if (plain(part)) part.textContent = part.textContent;
      const kept = new Set();
      for (const one of all("pre code span, svg :is(rect, path, circle)").reverse()) {
        if (!one.isConnected || one.matches("[id], [role], [tabindex], [aria-label], [title], [class*=ref]") || !plain(one)) continue;
        const kind = `${one.localName} ${one.getAttribute("class")} ${one.parentElement.getAttribute("class")}`;
        if (kept.has(kind)) one.replaceWith(one.localName === "span" ? one.textContent : "");
        else kept.add(kind);
      }
      all("pre code").forEach((one) => one.normalize());
    },

    // What is left of a page once its article has been looked at: axe walks through all there is, whatever it is asked.
    strip() {
      const article = document.querySelector("article");
      article?.replaceChildren(...all("h1", article));
    },

    async axe(root, { off = [], ...options }) {
      const rules = Object.fromEntries(off.map((rule) => [rule, { enabled: false }]));
      const { violations } = await axe.run(root ?? document, { resultTypes: ["violations"], preload: false, rules, ...options });
      const word = ({ html, any }) => `${short(html)}${any[0] ? ` (${any[0].message.slice(0, 160)})` : ""}`;
      return violations.map(({ id, help, nodes }) =>
        `axe ${id}: ${help}: ${nodes.slice(0, 3).map(word).join(" and ")}${nodes.length > 3 ? ` and ${nodes.length - 3} more` : ""}`);
    },

    content() {
      const copy = document.querySelector("article").cloneNode(true);
      const made = ".quiz, .derivation, .run, .live .acts, .live .verdict, [data-widget=explorer] .words"; // by widgets' scripts
      all(`button, nav, script, .copy, .md-clipboard, .md-tooltip, ${made}`, copy).forEach((one) => one.remove());
      const parts = { formulas: ".katex", figures: "figure", drawings: "svg", tables: "table", details: "details", paragraphs: "p" };
      const counts = Object.entries(parts).map(([what, selector]) => [what, all(selector, copy).length]);
      return { text: copy.textContent.replace(/\s+/g, " ").trim(), ...Object.fromEntries(counts) };
    },

    scripted() {
      const dead = all(".md-search, [data-md-component=palette], .copy, .md-clipboard, .md-code__button, button").filter((one) => seen(one) && box(one).width > 1 && !unseen(one));
      const top = dead.filter((one) => !dead.some((other) => other !== one && other.contains(one)));
      const shut = all("details").filter((one) => seen(one) && !one.open);
      shut.forEach((one) => one.querySelector("summary")?.click());
      return [
        ...top.map((one) => `${name(one)} is shown, and does nothing without JavaScript`),
        ...shut.filter((one) => !one.open).map((one) => `${name(one)} does not open`),
      ];
    },

    closed() {
      const of_scripts = ".run, .quiz, .derivation, .acts"; // controls, which are not printed
      const hidden = (one) => [...one.children].some((part) => part.localName !== "summary" && !part.matches(of_scripts) && part.textContent.trim() && !part.checkVisibility());
      const shut = all("details").filter((one) => hidden(one) && !one.parentElement.closest(`details, ${of_scripts}`));
      return shut.length ? [`${listed(shut)}: closed on paper`] : [];
    },

    printed() {
      const found = gate.closed();
      for (const one of all(".md-header, .md-sidebar, .md-footer, .md-search, .md-code__nav, .headerlink, .md-skip, .md-top, button")) {
        if (one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !one.parentElement.closest(".md-header, .md-footer")) found.push(`${name(one)} is printed`);
      }
      for (const one of all("article *")) {
        if (one.closest(".katex, svg") || !seen(one) || unseen(one) || one.closest("thead")) continue;
        if (style(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1) found.push(`${name(one)} is cut, ${one.scrollWidth - one.clientWidth} px too wide`);
      }
      if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) found.push("the page is wider than the paper");
      const shade = (color) => {
        canvas.fillStyle = "#fff"; canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      if (shade(style(document.body).backgroundColor) < 0.8) found.push("the paper is printed dark");
      const pale = new Map(texts(document.querySelector("article")).map((node) => [style(node.parentElement).color, node.parentElement]));
      for (const [color, one] of pale) if (1.05 / (shade(color) + 0.05) < 4.5) found.push(`${name(one)} is too pale for paper: ${color}`);
      return found;
    },
  };
  globalThis.gate.name = name;
  globalThis.gate.seen = seen;
  globalThis.gate.scrolls = scrolls;
})();
