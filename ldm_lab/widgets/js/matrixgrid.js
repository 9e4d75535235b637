// One seed's grid of the guidance matrix: cells with colours, numbers and names, lines under them, keyboard.

import { drawLines, scoreColour } from "./isolines.js";
import { element, icon, svgElement } from "./ui.js";

/** Where the focus goes from [row, column] by a key of the grid, or null. */
export function gridMove(event, [row, column], rows, columns) {
  const inside = (value, count) => Math.min(Math.max(0, value), count - 1);
  const all = event.ctrlKey;
  const moves = {
    ArrowRight: [row, column + 1],
    ArrowLeft: [row, column - 1],
    ArrowDown: [row + 1, column],
    ArrowUp: [row - 1, column],
    Home: [all ? 0 : row, 0],
    End: [all ? rows - 1 : row, columns - 1],
  };
  const [r, c] = moves[event.key] ?? [];
  return r === undefined ? null : [inside(r, rows), inside(c, columns)];
}

export class MatrixGrid {
  /** `on`: press(cell), mark(cell or null), pin(cell), leave(step): the focus goes to another seed's grid. */
  constructor({ seed, steps, guidance, passes, on }) {
    Object.assign(this, { seed, steps, guidance, passes, on, roving: [0, 0] });
    const head = (role, words) => element("div", { role }, words);
    const heads = guidance.map((g) => head("columnheader", `guidance ${g}`));
    this.cells = steps.map((count) => guidance.map((g) => this.gridCell([seed, count, g])));
    const rows = steps.map((count, row) =>
      element("div", { role: "row" }, head("rowheader", `${count} steps`), ...this.cells[row]),
    );
    this.svg = svgElement("svg", { "aria-hidden": "true" });
    const label = `Seed ${seed}: a row for each number of steps, a column for each guidance`;
    const first = element("div", { role: "row" }, head("columnheader", `seed ${seed}`), ...heads);
    const grid = { class: "ldm-grid", role: "grid", "aria-label": label };
    this.root = element("div", grid, first, ...rows, this.svg);
    this.root.style.setProperty("--columns", guidance.length);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("focusout", () => on.mark(null));
    this.root.addEventListener("pointerleave", () => on.mark(null));
    this.stop();
  }

  gridCell(cell) {
    const inside = element("button", { type: "button", onclick: () => this.on.press(cell) });
    inside.addEventListener("focus", () => {
      this.roving = [this.steps.indexOf(cell[1]), this.guidance.indexOf(cell[2])];
      this.stop();
      this.on.mark(cell);
    });
    inside.addEventListener("pointerenter", () => this.on.mark(cell));
    return element("div", { role: "gridcell" }, inside);
  }

  /** One stop of the tab key: where the focus was last. */
  stop() {
    const [row, column] = this.roving;
    this.each((node, r, c) => (node.firstChild.tabIndex = r === row && c === column ? 0 : -1));
  }

  each(act) {
    this.cells.forEach((nodes, row) => nodes.forEach((node, column) => act(node, row, column)));
  }

  focus([row, column]) {
    this.cells[row][column].firstChild.focus();
  }

  /** Colour, number and name of every cell; `look(cell)` -> {score, chosen, pinned, busy}. */
  dress(look, [low, high]) {
    this.each((node, row, column) => {
      const [steps, guidance, cost] = [this.steps[row], this.guidance[column], this.passes[row][column]];
      const { score, chosen, pinned, busy } = look([this.seed, steps, guidance]);
      const inside = node.firstChild;
      const colours = score === null ? { fill: "", ink: "" } : scoreColour((score - low) / (high - low));
      Object.assign(inside.style, { backgroundColor: colours.fill, color: colours.ink });
      const words = score === null ? (busy ? "\u2026" : "\u2013") : score.toFixed(2);
      const pin = pinned ? [icon("pin")] : [];
      inside.replaceChildren(element("b", {}, words), element("span", {}, `${cost} passes`), ...pin);
      const state = score === null ? "not made yet" : `CLAP score ${words}`;
      const name = `Guidance ${guidance}, ${steps} steps, seed ${this.seed}`;
      const whole = `${name}: ${cost} network passes, ${state}${pinned ? ", pinned" : ""}`;
      inside.setAttribute("aria-label", whole);
      node.setAttribute("aria-selected", String(chosen));
      node.setAttribute("aria-busy", String(busy));
      node.classList.toggle("ldm-empty", score === null);
    });
  }

  /** Mark the cells that cost so much (null: none), and draw the lines. */
  mark(cost) {
    this.each((node, row, column) => node.classList.toggle("ldm-mate", this.passes[row][column] === cost));
    const corner = this.root.getBoundingClientRect();
    if (!corner.width) return; // not in the page yet
    const place = (row, column) => {
      const { left, right, bottom } = this.cells[row][column].getBoundingClientRect();
      return { left: left - corner.left, right: right - corner.left, bottom: bottom - corner.top };
    };
    drawLines(this.svg, this.passes, place, cost);
  }

  key(event) {
    if (event.metaKey || event.altKey) return;
    const place = gridMove(event, this.roving, this.steps.length, this.guidance.length);
    const leave = { PageDown: 1, PageUp: -1 }[event.key];
    const [row, column] = this.roving;
    if (place) this.focus(place);
    else if (leave) this.on.leave(leave);
    else if (event.key.toLowerCase() === "p" && !event.ctrlKey) {
      this.on.pin([this.seed, this.steps[row], this.guidance[column]]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
