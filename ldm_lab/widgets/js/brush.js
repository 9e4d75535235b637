// InpaintBrush, front end: a box in the picture, a prompt, and what was filled.
//
// Model (brush.py): the panel's traits, prompt, seed, options, usual, history, undone, anew, note; it asks fill, undo, redo,
// start_over.

import { editForm } from "./editform.js";
import { panel } from "./panel.js";
import { ask, button, complain, element, onModel, statusLine, write } from "./ui.js";

const BRUSH_NUMBERS = [
  { name: "steps", label: "Steps", title: "Network passes; more is slower and a little better", step: 1 },
  { name: "guidance", label: "Guidance", title: "How hard the prompt pulls; without a prompt 1", step: 0.5 },
  { name: "candidates", label: "Candidates", title: "So many are made, the one nearest to the prompt is kept", step: 1 },
  { name: "jumps", label: "Jumps", title: "Each stretch of steps again and again: joins better, takes so many times as long" },
];

const brushHertz = (hz) => (hz >= 1000 ? `${Number((hz / 1000).toFixed(1))} kHz` : `${Math.round(hz)} Hz`);

/** A fill in words: box, prompt, seed. */
export function fillWords({ box, prompt, seed }) {
  const [start, end, low, high] = box;
  const what = prompt.trim() ? `\u201c${prompt.trim()}\u201d` : "what is around";
  return `${start.toFixed(2)} to ${end.toFixed(2)} s, ${brushHertz(low)} to ${brushHertz(high)}: ${what}, seed ${seed}`;
}

function brushParts(model, send) {
  const undo = button({ icon: "undo", label: "Undo", title: "Undo (Ctrl+Z)", onclick: () => send("undo") });
  const redo = button({ icon: "redo", label: "Redo", title: "Redo (Ctrl+Shift+Z)", onclick: () => send("redo") });
  const over = button({ label: "Start over", title: "Undo all fills", onclick: () => send("start_over") });
  const paste = element("input", { type: "checkbox" });
  paste.addEventListener("change", () => {
    const { paste: _, ...others } = model.get("options") ?? {};
    write(model, { options: paste.checked ? others : { ...others, paste: false } });
  });
  const rest = element("label", { class: "ldm-check" }, paste, "Put the rest back as it was");
  const list = element("ol", { class: "ldm-fills", "aria-label": "Fills in this sound" });
  const note = element("p", { class: "ldm-note", "aria-live": "polite" });
  return { undo, redo, over, paste, rest, list, note };
}

function render({ model, el }) {
  const hint = "Drag a box over what you want to replace; click to jump.";
  const player = panel(model, { boxes: true, playBox: false, hearBox: false, hint });
  const status = statusLine(model);
  let waiting = false;
  const send = async (name, values = {}) => {
    if (waiting) return;
    waiting = true;
    follow();
    try {
      await ask(model, name, values);
    } catch (error) {
      complain(model, error);
    } finally {
      waiting = false;
      follow();
    }
  };
  const ui = brushParts(model, send);
  const form = editForm(model, {
    run: "Fill the box",
    hint: "what belongs into the box (empty: what is around goes on)",
    numbers: BRUSH_NUMBERS,
    more: [ui.rest],
    onrun: (values) => send("fill", { ...values, box: model.get("box") }),
  });
  const history = element("div", { class: "ldm-controls" }, ui.undo, ui.redo, ui.over);
  const kept = { class: "ldm-widget ldm-brush", role: "group", "aria-label": "Inpainting brush" };
  const root = element("div", { ...kept, "data-lm-suppress-shortcuts": "true" }, player.root, ui.note);
  root.append(form.top, history, status, form.details, ui.list);
  el.append(root);

  function follow() {
    const [history, undone] = [model.get("history") ?? [], model.get("undone") ?? []];
    const busy = waiting || model.get("progress") >= 0;
    ui.undo.disabled = ui.over.disabled = busy || !history.length;
    ui.redo.disabled = busy || !undone.length;
    ui.list.replaceChildren(...history.map((fill) => element("li", {}, fillWords(fill))));
    ui.list.hidden = !history.length;
    ui.paste.checked = (model.get("options") ?? {}).paste !== false;
  }

  function outline() {
    const anew = model.get("anew") ?? [];
    ui.note.textContent = model.get("note");
    ui.note.hidden = !model.get("note");
    player.stage.outline(anew.length ? [{ box: anew, words: "made anew by the model" }] : []);
  }

  function onKey(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const typing = event.target.tagName === "INPUT" && event.target.type !== "checkbox"; // there it undoes typing
    const key = event.key.toLowerCase();
    if (typing || !["z", "y"].includes(key)) return;
    const name = key === "y" || event.shiftKey ? "redo" : "undo";
    event.preventDefault();
    event.stopPropagation();
    if (!ui[name].disabled) send(name);
  }

  root.addEventListener("keydown", onKey);
  const names = ["history", "undone", "options", "progress"].map((name) => [`change:${name}`, follow]);
  const off = onModel(model, { ...Object.fromEntries(names), "change:anew": outline, "change:note": outline });
  follow();
  outline();

  return () => {
    off();
    form.destroy();
    status.destroy();
    player.destroy();
    root.remove();
  };
}

export default { render };
