// The form of a widget that edits: prompt, seed, a button, and further options behind a details element.

import { button, element, field, onModel, write } from "./ui.js";

/** What a number field means to Python: nothing (the default), a number, or the text that Python will complain about. */
function numberOrText(text) {
  const plain = text.trim();
  return plain === "" ? null : Number.isNaN(Number(plain)) ? plain : Number(plain);
}

/**
 * Bound to the traits prompt, seed, options, usual, progress. `numbers`: [{name, label, title}] of further options, `more`:
 * nodes after them, `onrun(values)` is called by the button and by Enter, once at a time. `values()` -> {prompt, seed, options}.
 */
export function editForm(model, { run, hint, numbers, more = [], onrun }) {
  const usual = model.get("usual") ?? {};
  const start = () => !main.disabled && onrun(values());
  const prompt = field({
    label: "Prompt",
    placeholder: hint,
    onchange: (text) => write(model, { prompt: text }),
    onenter: start,
    spellcheck: "true",
  });
  prompt.root.classList.add("ldm-wide");
  const seed = field({
    label: "Seed",
    type: "number",
    min: 0,
    step: 1,
    title: "Another seed gives another sound",
    onchange: () => write(model, { seed: seedValue() }),
    onenter: start,
  });
  const seedValue = () => numberOrText(seed.input.value) ?? 0;
  const main = button({ label: run, className: "ldm-main", onclick: start });
  const fields = numbers.map(({ name, label, title, ...attributes }) => {
    const placeholder = usual[name] === undefined ? "" : String(usual[name]);
    const onchange = () => write(model, { options: options() });
    return { name, ...field({ label, type: "number", min: 0, placeholder, title, onchange, onenter: start, ...attributes }) };
  });
  const options = () => {
    const chosen = { ...(model.get("options") ?? {}) };
    for (const { name, input } of fields) {
      const value = numberOrText(input.value);
      if (value === null) delete chosen[name];
      else chosen[name] = value;
    }
    return chosen;
  };
  const values = () => ({ prompt: prompt.input.value, seed: seedValue(), options: options() });
  const rows = fields.map(({ root }) => root);
  const details = element("details", { class: "ldm-more" }, element("summary", {}, "More options"));
  details.append(element("div", { class: "ldm-controls" }, ...rows, ...more));
  const top = element("div", { class: "ldm-controls" }, prompt.root, seed.root, main);

  const seen = new Map();
  const put = (input, value) => {
    if (seen.get(input) === value) return; // only news: what is being typed stays
    seen.set(input, value);
    input.value = value ?? "";
  };
  const follow = () => {
    put(prompt.input, model.get("prompt"));
    put(seed.input, model.get("seed"));
    for (const { name, input } of fields) put(input, model.get("options")?.[name]);
  };
  const busy = () => {
    main.disabled = model.get("progress") >= 0;
  };
  follow();
  busy();
  const names = ["prompt", "seed", "options"].map((name) => [`change:${name}`, follow]);
  const destroy = onModel(model, { ...Object.fromEntries(names), "change:progress": busy });
  return { top, details, values, main, destroy };
}
