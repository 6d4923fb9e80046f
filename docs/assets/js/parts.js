// What the widgets are made of.
export const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

export const button = (text, act) => {
  const made = make("button", { type: "button", className: "act", textContent: text });
  made.addEventListener("click", act);
  return made;
};

export const status = () => make("p", { className: "verdict", role: "status" });

export const choice = (label, options, value, act) => {
  const list = make("select", {}, ...options.map(([key, text]) => make("option", { value: key, textContent: text })));
  list.value = value;
  list.addEventListener("change", act);
  return make("label", { className: "choice" }, label, list);
};

const LOADING = "Loading Python, some megabytes the first time …";

// Does what takes a while, once at a time: the button sleeps meanwhile, and a failure is told.
export const busy = async (pressed, told, work) => {
  if (pressed.ariaDisabled === "true") return;
  pressed.ariaDisabled = "true";
  const late = setTimeout(() => (told.textContent = LOADING), 400);
  try {
    await work(() => clearTimeout(late));
  } catch (error) {
    told.textContent = error.message;
  } finally {
    clearTimeout(late);
    if (told.textContent === LOADING) told.textContent = "";
    pressed.ariaDisabled = "false";
  }
};
