// GuidanceMatrix, front end: a grid of guidance x steps for each seed, lines of equal cost, a panel.
//
// Model (matrix.py): the panel's traits, prompt, guidance, steps, seeds, passes, table, cell, pins, take. It
// asks make {cell}, next, sounds {cells} and restart {prompt}; the page keeps sounds until `take` changes.

import { scoreRamp, scoreSpan } from "./isolines.js";
import { MatrixGrid } from "./matrixgrid.js";
import { panel } from "./panel.js";
import {
  ask, button, complain, element, field, onModel, showView, statusLine, takeDown, watchLook, write,
} from "./ui.js";

const MOST_PINS = 4;
const sameCell = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The cells of the panel's versions, as matrix.py's `compared` has them. */
export function comparedCells(pins, cell) {
  if (!cell.length || pins.some((pin) => sameCell(pin, cell))) return pins;
  return pins.length < MOST_PINS ? [...pins, cell] : [cell];
}

class Matrix {
  constructor(model, el) {
    Object.assign(this, { model, making: new Set(), filling: false, waiting: false });
    this.player = panel(model, { boxes: true });
    this.status = statusLine(model);
    this.form();
    this.grids = element("div", { class: "ldm-grids" });
    this.note = element("p", { class: "ldm-note", "aria-live": "polite" });
    this.legend = this.scale();
    const kept = { class: "ldm-widget ldm-matrix", role: "group", "aria-label": "Guidance matrix" };
    this.root = element("div", { ...kept, "data-lm-suppress-shortcuts": "true" }, this.top, this.grids);
    const foot = element("div", { class: "ldm-controls" }, this.pin, this.unpin, this.legend);
    this.root.append(this.note, foot, this.player.root, this.status);
    el.append(this.root);
    const follow = () => this.follow();
    const names = ["take", "cell", "pins", "table", "active", "progress"];
    const off = onModel(model, Object.fromEntries(names.map((name) => [`change:${name}`, follow])));
    const unwatch = watchLook(this.root, () => this.mark(this.marked));
    this.off = () => (off(), unwatch());
    this.follow();
  }

  form() {
    const { model } = this;
    const send = () => this.restart();
    this.prompt = field({ label: "Prompt", value: model.get("prompt"), onenter: send });
    this.prompt.root.classList.add("ldm-wide");
    this.go = button({ label: "New matrix", title: "Begin again with this prompt", onclick: send });
    this.all = button({ label: "Make all", className: "ldm-main", onclick: () => this.fill() });
    this.top = element("div", { class: "ldm-controls" }, this.prompt.root, this.go, this.all);
    const pinned = { icon: "pin", label: "Pin", title: "Keep this cell to compare it with others (P)" };
    this.pin = button({ ...pinned, pressed: false, onclick: () => this.togglePin(this.heard) });
    this.unpin = button({ label: "Unpin all", onclick: () => write(model, { pins: [] }) });
  }

  scale() {
    const [low, high] = [element("span"), element("span")];
    const bar = element("span", { class: "ldm-ramp", "aria-hidden": "true" });
    bar.style.background = scoreRamp;
    this.ends = [low, high];
    const title = "Cosine of the sound's and the prompt's embeddings: higher is closer to the words";
    return element("span", { class: "ldm-legend", title }, "CLAP score", low, bar, high);
  }

  // --- the grids -------------------------------------------------------------------------------------------

  /** Another prompt: nothing that was kept is true any longer. */
  reset() {
    const { model } = this;
    Object.assign(this, { take: model.get("take"), sounds: new Map(), asked: new Set(), shown: null });
    this.making.clear();
    this.prompt.input.value = model.get("prompt");
    const [steps, guidance, passes] = ["steps", "guidance", "passes"].map((name) => model.get(name));
    this.rows = model.get("seeds").map((seed, index) => {
      const on = {
        press: (cell) => this.press(cell),
        mark: (cell) => this.mark(cell ?? this.heard),
        pin: (cell) => this.togglePin(cell),
        leave: (step) => this.rows[index + step]?.focus(this.rows[index].roving),
      };
      return new MatrixGrid({ seed, steps, guidance, passes, on });
    });
    this.grids.replaceChildren(...this.rows.map(({ root }) => root));
  }

  score([seed, steps, guidance]) {
    const { model } = this;
    const place = (name, value) => model.get(name).indexOf(value);
    return model.get("table")[place("seeds", seed)][place("steps", steps)][place("guidance", guidance)];
  }

  cost([, steps, guidance]) {
    const { model } = this;
    return model.get("passes")[model.get("steps").indexOf(steps)][model.get("guidance").indexOf(guidance)];
  }

  get heard() {
    const { model } = this;
    return comparedCells(model.get("pins"), model.get("cell"))[model.get("active")] ?? null;
  }

  follow() {
    const { model } = this;
    if (model.get("take") !== this.take) this.reset();
    const scores = model.get("table").flat(2);
    const span = scoreSpan(scores);
    this.ends.forEach((end, i) => (end.textContent = span[i].toFixed(2)));
    this.legend.hidden = scores.every((score) => score === null);
    const heard = this.heard;
    const pins = model.get("pins");
    const pinned = (cell) => pins.some((pin) => sameCell(pin, cell));
    const look = (cell) => ({
      score: this.score(cell),
      chosen: sameCell(cell, heard),
      pinned: pinned(cell),
      busy: this.making.has(JSON.stringify(cell)),
    });
    this.rows.forEach((grid) => grid.dress(look, span));
    const left = scores.filter((score) => score === null).length;
    this.all.firstChild.textContent = this.filling ? "Stop" : left ? `Make all (${left} left)` : "All made";
    this.all.disabled = !left && !this.filling;
    this.go.disabled = this.waiting || model.get("progress") >= 0;
    this.pin.hidden = !heard;
    this.pin.disabled = !heard || (pins.length >= MOST_PINS && !pinned(heard));
    this.pin.setAttribute("aria-pressed", String(Boolean(heard) && pinned(heard)));
    this.unpin.hidden = !pins.length;
    this.mark(heard);
    this.sound();
  }

  // --- equal cost ------------------------------------------------------------------------------------------

  /** Show what costs as much as `cell`, and which of these is best. */
  mark(cell) {
    this.marked = cell;
    const cost = cell && this.cost(cell);
    this.rows.forEach((grid) => grid.mark(cost));
    this.note.textContent = cell
      ? this.rivals(cost)
      : "Choose a cell: it is made and played. Cells on one line cost the same work; which sounds better?";
  }

  /** The settings of one cost with their mean scores over the seeds that are made. */
  rivals(cost) {
    const { model } = this;
    const found = [];
    model.get("guidance").forEach((guidance) =>
      model.get("steps").forEach((steps) => {
        if (this.cost([0, steps, guidance]) !== cost) return;
        const made = model.get("seeds").map((seed) => this.score([seed, steps, guidance]));
        const scores = made.filter((score) => score !== null);
        const mean = scores.length ? scores.reduce((sum, score) => sum + score, 0) / scores.length : null;
        found.push({ words: `guidance ${guidance} \u00d7 ${steps} steps`, mean });
      }),
    );
    if (found.length < 2) return `${cost} passes: no other settings here cost the same.`;
    const best = Math.max(...found.map(({ mean }) => mean ?? -Infinity));
    const made = found.filter(({ mean }) => mean !== null).length;
    const words = found.map(({ words, mean }) => {
      const crown = made > 1 && mean === best ? " (best)" : "";
      return `${words} ${mean === null ? "not made" : mean.toFixed(2)}${crown}`;
    });
    const over = model.get("seeds").length > 1 ? ", mean of the seeds" : "";
    return `Same cost, ${cost} passes${over}: ${words.join("; ")}.`;
  }

  // --- making and hearing ----------------------------------------------------------------------------------

  /** A cell is pressed: made if need be, then heard; the one that is heard already plays or pauses. */
  async press(cell) {
    const { model, player, take } = this;
    if (sameCell(cell, this.heard) && this.shown) return player.toggle();
    this.wanted = cell;
    if (this.score(cell) === null) {
      if (!(await this.make(cell)) || this.gone || take !== this.take || !sameCell(this.wanted, cell)) return;
    }
    this.playNext = true;
    if (sameCell(model.get("cell"), cell)) this.sound(true);
    else write(model, { cell });
  }

  async make(cell) {
    const name = JSON.stringify(cell);
    if (this.making.has(name)) return false;
    this.making.add(name);
    this.follow();
    return this.request("make", { cell }, () => this.making.delete(name));
  }

  async fill() {
    if (this.filling) return (this.filling = false), this.follow();
    this.filling = true;
    this.follow();
    let left = 1;
    while (this.filling && left > 0 && !this.gone) left = (await this.request("next")) ?? 0;
    this.filling = false;
    if (!this.gone) this.follow();
  }

  async restart() {
    if (this.waiting) return;
    this.waiting = true;
    this.filling = false;
    await this.request("restart", { prompt: this.prompt.input.value }, () => (this.waiting = false));
  }

  /** Ask Python; a refusal goes into the status line. `done` gets the reply, or null. */
  async request(name, values = {}, done = () => {}) {
    let reply = null;
    try {
      reply = await ask(this.model, name, values);
    } catch (error) {
      complain(this.model, error);
    }
    done(reply);
    if (!this.gone) this.follow();
    return reply;
  }

  /** Give the panel the cells to compare, kept or from Python. `again`: the chosen one is to be heard. */
  sound(again = false) {
    const { model, player, take } = this;
    const cells = comparedCells(model.get("pins"), model.get("cell"));
    const key = JSON.stringify(cells);
    const sound = this.sounds.get(key);
    player.root.hidden = !cells.length;
    const late = cells.length > 0 && !sound; // what is heard is still another cell
    player.root.classList.toggle("ldm-late", late);
    if (!cells.length || (key === this.shown && !again)) return;
    if (!sound) return this.fetch(key, cells, take);
    if (key !== this.shown) player.load(sound, { keep: Boolean(this.shown) });
    this.shown = key;
    const index = cells.findIndex((cell) => sameCell(cell, model.get("cell")));
    if (index >= 0) player.choose(index);
    if (this.playNext) player.play();
    this.playNext = false;
  }

  fetch(key, cells, take) {
    if (this.asked.has(key)) return; // on its way, or refused
    this.asked.add(key);
    this.request("sounds", { cells }, (reply) => {
      if (reply && take === this.take) this.sounds.set(key, reply.sound);
    });
  }

  togglePin(cell) {
    const pins = this.model.get("pins");
    if (!cell || this.score(cell) === null) return;
    const others = pins.filter((pin) => !sameCell(pin, cell));
    if (others.length === pins.length && pins.length >= MOST_PINS) {
      return write(this.model, { status: "Four cells are pinned already; unpin one first.", wrong: false });
    }
    write(this.model, { pins: others.length < pins.length ? others : [...pins, cell] });
  }

  destroy() {
    takeDown(this);
  }
}

export default showView((model, el) => new Matrix(model, el));
