// One row of a similarity board, and the arithmetic of its numbers: softmax, shares, ranks.

import { paint } from "./picture.js";
import { element } from "./ui.js";

const ZERO = 1 / 3; // where cosine 0 lies on its bar, which runs from -0.5 to 1

/** softmax(values / temperature) */
export function softmax(values, temperature) {
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp((value - top) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Shares (queries x sounds) of cosines: each query's among the sounds, or each sound's among the queries. */
export function sharesOf(rows, temperature, among) {
  if (among === "sounds") return rows.map((row) => softmax(row, temperature));
  const columns = (rows[0] ?? []).map((_, i) => softmax(rows.map((row) => row[i]), temperature));
  return rows.map((_, q) => columns.map((column) => column[q]));
}

/** Numbers of the sounds, highest value first; equal ones keep their order. */
export const ranked = (values) => values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);

const percent = (share) => `${(100 * share).toFixed(share >= 0.0995 || share === 0 ? 0 : 1)} %`;

/** Two bars with their numbers for one query: what `set(cosine, share)` tells them. */
function barPair() {
  const parts = ["ldm-cosine", "ldm-share"].map((kind) => {
    const fill = element("span", { class: "ldm-fill" });
    const track = element("span", { class: "ldm-track", "aria-hidden": "true" }, fill);
    const number = element("span", { class: "ldm-number" });
    return { fill, number, root: element("span", { class: kind }, track, number) };
  });
  const set = (cosine, share) => {
    const length = Math.min(1 - ZERO, Math.max(-ZERO, cosine * (1 - ZERO)));
    parts[0].fill.style.left = `${100 * (ZERO + Math.min(0, length))}%`;
    parts[0].fill.style.width = `${100 * Math.abs(length)}%`;
    parts[0].number.textContent = cosine.toFixed(2).replace("-", "\u2212");
    parts[1].fill.style.width = `${100 * share}%`;
    parts[1].number.textContent = percent(share);
  };
  return { root: element("div", { class: "ldm-pair" }, ...parts.map(({ root }) => root)), set };
}

/** One row: rank, sound, bars of each query, "like this one". */
export function boardRow(card, number, bands, { onplay, onlike }) {
  const picture = paint(card.mel, bands);
  picture.setAttribute("aria-hidden", "true");
  const name = element("span", { class: "ldm-label", title: card.label }, card.label);
  const title = `Play, ${card.seconds.toFixed(1)} s`;
  const hint = `Sounds like this one: ${card.label}`;
  const play = element("button", { type: "button", class: "ldm-card", title }, picture, name);
  const like = element("button", { type: "button", class: "ldm-like", title: hint }, "\u2248");
  like.setAttribute("aria-label", hint);
  play.addEventListener("click", () => onplay(number));
  like.addEventListener("click", () => onlike(card.label));
  const rank = element("span", { class: "ldm-rank", "aria-hidden": "true" });
  const root = element("li", { class: "ldm-row" }, rank, play, like);
  let pairs = [];
  const resize = (count) => {
    if (pairs.length === count) return;
    pairs.forEach((pair) => pair.root.remove());
    pairs = Array.from({ length: count }, barPair);
    like.before(...pairs.map((pair) => pair.root));
  };
  return { root, play, like, rank, resize, set: (q, cosine, share) => pairs[q].set(cosine, share) };
}
