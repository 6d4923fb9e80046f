// A figure with sliders. Its frames, which the library drew when the site was built, come when the first slider is
// touched; this script only swaps them.
const FAILED = "The other positions could not be loaded, so that the figure stays as it is. Moving a slider tries again.";

export function bind(element) {
  const drawn = element.querySelector(".drawn"), words = element.querySelector(".words"), { frames } = element.dataset;
  const sliders = [...element.querySelectorAll(".slider")].map((row, number) => {
    const positions = JSON.parse(row.dataset.positions), { start } = row.dataset, shown = row.querySelector("output");
    const [label, input] = ["label", "input"].map((kind) => document.createElement(kind));
    input.id = `${frames.replace(/\W/g, "")}-${number}`;
    Object.assign(input, { type: "range", min: 0, max: positions.length - 1, value: start, autocomplete: "off" });
    label.htmlFor = input.id;
    label.textContent = row.firstChild.textContent;
    shown.ariaLive = "off"; // the slider says its position itself
    row.firstChild.replaceWith(label);
    label.after(input);
    const tell = () => (shown.value = input.ariaValueText = positions[input.value]);
    tell();
    return { input, tell, start, count: positions.length };
  });
  const size = sliders.reduce((product, { count }) => product * count, 1);
  let all, coming;

  const show = () => {
    if (!all && !coming) for (const { input, start } of sliders) input.value = start;
    for (const { tell } of sliders) tell();
    if (!all) return;
    const at = sliders.reduce((before, { count, input }) => before * count + +input.value, 0);
    [drawn.innerHTML, words.textContent] = all[at];
  };
  const read = async () => {
    const answer = await fetch(frames), found = answer.ok && (await answer.json());
    if (found?.length !== size) throw new Error("not the frames of this figure");
    all = found;
  };
  const load = () => {
    coming ??= read().catch(() => {
      coming = undefined;
      words.textContent = FAILED;
    }).then(show);
  };

  words.role = "status";
  for (const { input } of sliders) {
    for (const act of ["pointerdown", "focus", "keydown"]) input.addEventListener(act, load);
    input.addEventListener("input", show);
  }
}
