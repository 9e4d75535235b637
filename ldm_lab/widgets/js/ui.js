// Elements, controls, model and theme: what every widget is made of. No framework.

// JupyterLab looks for its shortcuts from the focused element upwards, and no further than an element with this attribute:
// with it on a widget's root alone, the arrow keys of a slider would leave it for the next cell.
const NO_SHORTCUTS = "data-lm-suppress-shortcuts";
const FOCUSED = ["button", "input", "select", "textarea", "summary"];

/** An element; attributes named on... are listeners, undefined, null and false leave it out, true sets it empty. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (FOCUSED.includes(tag) || "tabindex" in attributes) node.setAttribute(NO_SHORTCUTS, "true");
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  loop: "M1 8V4.5h9.5v-2.5l4 3.3-4 3.3V6.2H2.7V8zM15 8v3.5H5.5v2.5l-4-3.3 4-3.3v2.4h7.8V8z",
  match: "M2 5h12v2H2zM2 9h12v2H2z",
  zoomIn: "M7 1a6 6 0 0 1 4.7 9.7l3.5 3.5-1.1 1.1-3.5-3.5A6 6 0 1 1 7 1zm0 1.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8zM6.2 4.5h1.6v1.7h1.7v1.6H7.8v1.7H6.2V7.8H4.5V6.2h1.7z",
  zoomOut: "M7 1a6 6 0 0 1 4.7 9.7l3.5 3.5-1.1 1.1-3.5-3.5A6 6 0 1 1 7 1zm0 1.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8zM4.5 6.2h5v1.6h-5z",
  box: "M1.5 3h3v1.5H3v1.5H1.5zM11.5 3h3v3H13V4.5h-1.5zM1.5 10H3v1.5h1.5V13h-3zM13 10h1.5v3h-3v-1.5H13zM6.5 3h3v1.5h-3zM6.5 11.5h3V13h-3z",
  close: "M3.2 2 8 6.8 12.8 2 14 3.2 9.2 8l4.8 4.8-1.2 1.2L8 9.2 3.2 14 2 12.8 6.8 8 2 3.2z",
  undo: "M6 2v3h3.5a4.5 4.5 0 0 1 0 9H4v-1.8h5.5a2.7 2.7 0 0 0 0-5.4H6v3L1.5 5.9z",
  redo: "M10 2v3H6.5a4.5 4.5 0 0 0 0 9H12v-1.8H6.5a2.7 2.7 0 0 1 0-5.4H10v3l4.5-3.9z",
  save: "M7.1 1h1.8v6.6l2.4-2.4 1.2 1.3L8 11 3.5 6.5l1.2-1.3 2.4 2.4zM2 12.5h12V14.5H2z",
  pin: "M5 1h6v1.6l-1 1V7l2.5 2.5V11H8.8v4H7.2v-4H3.5V9.5L6 7V3.6l-1-1z",
};

/** An SVG element with its attributes and children. */
export function svgElement(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const icon = (name) =>
  svgElement("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svgElement("path", { d: ICONS[name] }));

/** A button with a picture, words, or both; `pressed` makes it a switch. A picture alone takes `title` as its name. */
export function button({ icon: name, label, title, pressed, className, onclick }) {
  const node = element("button", { type: "button", class: className ?? null, title: title ?? null, onclick });
  if (name) node.append(icon(name));
  if (label) node.append(element("span", {}, label));
  else node.setAttribute("aria-label", title.replace(/ \(.*\)$/, "")); // the key in brackets is only a hint
  if (pressed !== undefined) node.setAttribute("aria-pressed", String(pressed));
  return node;
}

/** One of several, as buttons; arrow keys move within it. `choose(i)` marks without calling `onchoose`. */
export function radios({ label, options = [], onchoose }) {
  const root = element("span", { class: "ldm-radios", role: "radiogroup", "aria-label": label });
  let chosen = 0;
  const choose = (index) => {
    chosen = index;
    [...root.children].forEach((node, i) => {
      node.setAttribute("aria-checked", String(i === index));
      node.tabIndex = i === index ? 0 : -1;
    });
  };
  const set = (names) => {
    const nodes = names.map((name, i) =>
      element("button", { type: "button", role: "radio", onclick: () => (choose(i), onchoose(i)) }, name),
    );
    root.replaceChildren(...nodes);
    choose(Math.min(chosen, Math.max(0, names.length - 1)));
  };
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !root.children.length) return;
    choose((chosen + step + root.children.length) % root.children.length);
    root.children[chosen].focus();
    onchoose(chosen);
    event.preventDefault();
    event.stopPropagation();
  });
  set(options);
  return { root, choose, set };
}

let controls = 0;
const unique = () => `ldm-control-${(controls += 1)}-${Math.random().toString(36).slice(2, 8)}`;

/** A labelled slider with its value in words. */
export function range({ label, min = 0, max = 1, step = 1, value = 0, format = String, oninput, onchange }) {
  const id = unique();
  const input = element("input", { type: "range", id, min, max, step, value });
  const output = element("output", { for: id });
  const words = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => (words(), oninput?.(Number(input.value))));
  input.addEventListener("change", () => onchange?.(Number(input.value)));
  words();
  const root = element("span", { class: "ldm-field ldm-range" }, element("label", { for: id }, label), input, output);
  const set = (next) => {
    if (document.activeElement !== input || Number(input.value) !== next) input.value = next;
    words();
  };
  return { root, input, output, set };
}

/** A labelled text or number field; `onenter` for the Enter key. `attributes` go to the input. */
export function field({ label, type = "text", value = "", placeholder, onchange, onenter, oninput, ...attributes }) {
  const id = unique();
  const input = element("input", { type, id, placeholder: placeholder ?? null, ...attributes });
  input.value = value;
  if (onchange) input.addEventListener("change", () => onchange(input.value));
  if (oninput) input.addEventListener("input", () => oninput(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !onenter || event.isComposing) return;
    onchange?.(input.value);
    onenter(input.value);
    event.preventDefault();
  });
  return { root: element("span", { class: "ldm-field" }, element("label", { for: id }, label), input), input };
}

/** A line that says aloud what Python is doing (traits status, wrong, progress), with a bar during work. */
export function statusLine(model) {
  const words = element("span", { role: "status" });
  const bar = element("progress", { max: 1, "aria-label": "Progress" });
  const root = element("div", { class: "ldm-status" }, bar, words);
  const follow = () => {
    const progress = model.get("progress");
    words.textContent = model.get("status");
    root.classList.toggle("ldm-wrong", Boolean(model.get("wrong")));
    bar.hidden = !(progress >= 0);
    if (progress > 0) bar.value = progress;
    else bar.removeAttribute("value"); // begun, nothing known yet
  };
  const off = onModel(model, { "change:status": follow, "change:wrong": follow, "change:progress": follow });
  follow();
  root.destroy = off;
  return root;
}

/** Listen to several model events; returns the function that stops it. */
export function onModel(model, listeners) {
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

/** Write what differs, and send it. */
export function write(model, changes) {
  const changed = Object.entries(changes).filter(([name, value]) => {
    const old = model.get(name);
    return typeof value === "object" ? JSON.stringify(old) !== JSON.stringify(value) : old !== value;
  });
  changed.forEach(([name, value]) => model.set(name, value));
  if (changed.length) model.save_changes();
}

const revive = (value, buffers) => {
  if (Array.isArray(value)) return value.map((item) => revive(item, buffers));
  if (value === null || typeof value !== "object") return value;
  if (Object.keys(value).length === 1 && "$buffer" in value) return buffers[value.$buffer];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item, buffers)]));
};

/** Ask Python (its method `ask_<name>`): a promise of the reply; bytes arrive as DataViews and may be sent as such. */
export function ask(model, name, values = {}) {
  const id = unique();
  const buffers = [];
  const flat = Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const bytes = value instanceof ArrayBuffer || ArrayBuffer.isView(value);
      return [key, bytes ? { $buffer: buffers.push(value) - 1 } : value];
    }),
  );
  return new Promise((resolve, reject) => {
    const listen = (content, sent) => {
      if (content?.id !== id) return;
      model.off("msg:custom", listen);
      if ("error" in content) reject(new Error(content.error));
      else resolve(revive(content.reply, sent ?? []));
    };
    model.on("msg:custom", listen);
    model.send({ ask: name, id, with: flat }, undefined, buffers);
  });
}

/** A refused request: its words into the status line. */
export const complain = (model, error) => write(model, { status: error.message, wrong: true });

/** Hand a file to the person at the browser; `data` is text or bytes. */
export function handOver(name, data, type = "application/octet-stream") {
  const href = URL.createObjectURL(new Blob([data], { type }));
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** Call `redraw` when the size of `root` or the theme changes; returns the function that stops it. */
export function watchLook(root, redraw) {
  const sizes = new ResizeObserver(redraw);
  sizes.observe(root);
  let frame = 0;
  const later = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(redraw);
  };
  // JupyterLab changes attributes of <body> while it hides the page; nothing can be measured or drawn before the next frame.
  const themes = new MutationObserver(later);
  const names = ["class", "data-jp-theme-light", "data-theme", "data-vscode-theme-kind", "theme"];
  for (const node of [document.body, document.documentElement])
    themes.observe(node, { attributes: true, attributeFilter: names });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", later);
  return () => {
    cancelAnimationFrame(frame);
    sizes.disconnect();
    themes.disconnect();
    scheme.removeEventListener("change", later);
  };
}

/** The module of a widget that is one view: `root` goes into the cell, `destroy` is called when the cell goes. */
export const showView = (makeView) => ({
  render({ model, el }) {
    const view = makeView(model, el);
    el.append(view.root);
    return () => view.destroy();
  },
});

/** The end of a view with a status line and, perhaps, a panel; answers that still come find it `gone`. */
export function takeDown(view) {
  view.gone = true;
  view.off();
  view.status.destroy();
  view.player?.destroy();
  view.root.remove();
}
