// A map of pixels to fill, and its judge: the first wrong pixel with its path, or the reason why there is none.
import { ask, prepare } from "./judge.js";
import { busy, button, choice, status } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg", MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export const bind = (element) => {
  const cases = element.dataset.cases.split(",").map((pair) => pair.split(" ")); // "1.1 AA"
  const svg = element.querySelector("svg.pixels"), rects = [...svg.querySelectorAll("rect")];
  const side = Math.sqrt(rects.length), size = +rects[0].getAttribute("width");
  const filled = Object.fromEntries(cases.map(([name]) => [name, new Set()]));
  let current = cases[0][0], at = Math.floor(rects.length / 2), drawn = [];

  svg.setAttribute("role", "group");
  const cells = rects.map((rect, place) => {
    const cell = document.createElementNS(SVG, "g");
    const parts = [rect];
    while (parts.at(-1).nextElementSibling && parts.at(-1).nextElementSibling.localName !== "rect") parts.push(parts.at(-1).nextElementSibling);
    rect.before(cell);
    cell.append(...parts);
    cell.setAttribute("role", "button");
    cell.setAttribute("aria-label", `pixel ${parts[1].textContent}${parts[2] ? ", the output" : ""}`);
    cell.addEventListener("click", () => turn(place));
    cell.addEventListener("focus", () => (at = place));
    return cell;
  });
  svg.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (move) {
      const row = Math.floor(at / side) + move[0], column = (at % side) + move[1];
      if (row >= 0 && row < side && column >= 0 && column < side) walk(row * side + column);
    } else if (event.key === " " || event.key === "Enter") turn(at);
    else return;
    event.preventDefault();
  });

  const walk = (place) => {
    cells[at].setAttribute("tabindex", -1);
    at = place;
    cells[at].setAttribute("tabindex", 0);
    cells[at].focus();
  };
  const turn = (place) => {
    prepare();
    const set = filled[current];
    if (!set.delete(place)) set.add(place);
    walk(place);
    show();
  };
  const show = () => {
    for (const line of drawn) line.remove();
    drawn = [];
    told.textContent = "";
    svg.setAttribute("aria-label", `Your answer to ${current}: ${filled[current].size} pixels filled`);
    for (const [place, cell] of cells.entries()) {
      const is = filled[current].has(place);
      cell.setAttribute("aria-pressed", is);
      cell.setAttribute("tabindex", place === at ? 0 : -1);
      for (const part of cell.children) part.setAttribute("class", is ? "seen" : "rest");
    }
  };
  const point = ([row, column]) => `${(column + 0.5) * size} ${(row + 0.5) * size}`;
  const draw = (kind, d) => {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("class", kind);
    line.setAttribute("d", d);
    svg.append(line);
    drawn.push(line);
  };
  const check = () =>
    busy(asked, told, async (begun) => {
      const name = current, kinds = Object.fromEntries(cases)[name];
      const chosen = [...filled[name]].sort((a, b) => a - b).map((place) => [Math.floor(place / side), place % side]);
      await ask("grid", { kinds, chosen }, (found) => {
        begun();
        if (name !== current) return;
        show();
        told.textContent = `${name}: ${found.refused ?? found.words}`;
        if (found.pixel) draw("wrong", `M${found.pixel[1] * size} ${found.pixel[0] * size}h${size}v${size}h${-size}z`);
        if (found.path?.length) draw("way", `M${found.path.map(point).join("L")}`);
      });
    });

  const told = status(), asked = button("Check", check);
  const clear = button("Clear", () => (filled[current].clear(), show()));
  const names = cases.map(([name, kinds]) => [name, `${name} ${[...kinds].join(" then ")}`]);
  const chosen = choice("Case ", names, current, ({ target }) => ((current = target.value), show()));
  const bar = document.createElement("div");
  bar.className = "acts";
  bar.append(chosen, asked, clear);
  svg.before(bar);
  svg.after(told);
  element.classList.add("live");
  show();
};
