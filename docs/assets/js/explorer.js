// A stack of masked convolutions to build: what an output of it sees, drawn by the library.
import { ask } from "./judge.js";
import { busy, button, choice, make, status } from "./parts.js";

const MASKS = [["A", "mask A"], ["B", "mask B"], ["N", "no mask"]], DEPTH = 8;

export const bind = (element) => {
  const place = element.querySelector(".drawn"), told = status();
  const state = { ...JSON.parse(element.dataset.start) };
  const layers = make("div", { className: "acts", role: "group", ariaLabel: "Layers, the first one first" });
  const whole = make("div", { className: "acts" });
  const range = (from, to, step = 1) => Array.from({ length: (to - from) / step + 1 }, (_, i) => [from + i * step, `${from + i * step}`]);
  const named = (control) => element.contains(control) && (control.closest("label")?.firstChild.textContent ?? control.textContent);
  let wanted = false;

  const pick = (label, options, value, act) => choice(label, options, value, ({ target }) => (act(target.value), build(), draw()));
  const build = () => {
    const active = named(document.activeElement);
    layers.replaceChildren(
      ...[...state.kinds].map((kind, i) =>
        pick(`Layer ${i + 1} `, MASKS, kind, (value) => (state.kinds = state.kinds.slice(0, i) + value + state.kinds.slice(i + 1))),
      ),
    );
    if (state.kinds.length < DEPTH) layers.append(button("Add a layer", () => ((state.kinds += "B"), build(), draw())));
    if (state.kinds.length > 1) layers.append(button("Remove the last", () => ((state.kinds = state.kinds.slice(0, -1)), build(), draw())));
    const { side, output } = state;
    whole.replaceChildren(
      pick("Kernel ", range(3, 7, 2).map(([k]) => [k, `${k}×${k}`]), state.kernel, (value) => (state.kernel = +value)),
      pick("Map ", range(5, 15).map(([n]) => [n, `${n}×${n}`]), side, (value) => {
        state.side = +value;
        state.output = output.map((one) => Math.min(one, value - 1));
      }),
      pick("Output row ", range(1, side), output[0] + 1, (value) => (state.output = [value - 1, output[1]])),
      pick("column ", range(1, side), output[1] + 1, (value) => (state.output = [output[0], value - 1])),
    );
    [...element.querySelectorAll("select, button")].find((one) => named(one) === active)?.focus();
  };
  const draw = async () => {
    wanted = true;
    await busy(element, told, async (begun) => {
      while (wanted) {
        wanted = false;
        await ask("explorer", state, (found) => {
          begun();
          told.textContent = found.refused ?? found.words;
          if (found.svg) place.innerHTML = found.svg;
        });
      }
    });
  };
  place.addEventListener("click", ({ target }) => {
    const cell = target.closest("svg") && (target.localName === "rect" ? target : target.previousElementSibling);
    if (cell?.localName !== "rect") return;
    state.output = ["y", "x"].map((name) => cell.getAttribute(name) / cell.getAttribute("width"));
    build();
    draw();
  });
  element.prepend(layers, whole);
  const caption = element.querySelector("figcaption");
  caption.before(told);
  told.textContent = element.querySelector(".words").textContent;
  element.querySelector(".words").remove();
  element.classList.add("live");
  build();
};
