// Colours of scores, and lines that join the cells of a grid which cost the same.

import { svgElement } from "./ui.js";

const VIRIDIS = ["440154", "3b528b", "21918c", "5ec962", "fde725"]; // matrix_picture.py has the same
const NARROW = 0.1; // the colours span at least so much of a score

/** Lowest and highest score of the colours: those of what is made, a little apart. */
export function scoreSpan(scores) {
  const made = scores.filter((score) => score !== null);
  const [low, high] = made.length ? [Math.min(...made), Math.max(...made)] : [0, 0];
  const spare = Math.max(0, NARROW - (high - low)) / 2;
  return [low - spare, high + spare];
}

/** {fill, ink} in CSS for a share from 0 to 1: viridis, and black or white, whichever reads better on it. */
export function scoreColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const rgb = [0, 2, 4].map((i) => {
    const [a, b] = [low, low + 1].map((stop) => parseInt(VIRIDIS[stop].slice(i, i + 2), 16));
    return Math.round(a + (b - a) * (at - low));
  });
  const linear = rgb.map((v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return { fill: `rgb(${rgb.join(" ")})`, ink: light > 0.179 ? "#000" : "#fff" };
}

export const scoreRamp = `linear-gradient(to right, ${VIRIDIS.map((stop) => `#${stop}`).join(", ")})`;

/** Costs (rows x columns) -> [[cost, [[row, column], ..]], ..] of the costs that several cells share. */
export function equalCost(passes) {
  const groups = new Map();
  passes.forEach((costs, row) =>
    costs.forEach((cost, column) => groups.set(cost, [...(groups.get(cost) ?? []), [row, column]])),
  );
  const shared = [...groups].filter(([, cells]) => cells.length > 1);
  return shared.map(([cost, cells]) => [cost, cells.sort((a, b) => a[1] - b[1])]);
}

/**
 * Draw the lines into `svg`, which covers the grid: each cell stands on the line of its cost.
 * `place(row, column)` gives the cell's left, right and bottom edge; the line of `marked` is strong.
 */
export function drawLines(svg, passes, place, marked) {
  const paths = equalCost(passes).map(([cost, cells]) => {
    const parts = cells.map(([row, column], i) => {
      const { left, right, bottom } = place(row, column);
      const y = bottom + 6;
      if (!i) return `M${left} ${y}H${right}`;
      const before = place(...cells[i - 1]);
      const middle = (before.right + left) / 2;
      return `C${middle} ${before.bottom + 6} ${middle} ${y} ${left} ${y}H${right}`;
    });
    const look = cost === marked ? "ldm-iso ldm-marked" : "ldm-iso";
    return svgElement("path", { d: parts.join(""), class: look, "data-cost": cost });
  });
  svg.replaceChildren(...paths);
}
