// What belongs to one box of the stack: pieces of the prompt, neighbours, channels, and a table of facts.

import { paintSigned } from "./signed.js";
import { element } from "./ui.js";

/** int8 cells (time x rows) -> a canvas of one pixel a cell. */
export function paintCells({ cells, rows }) {
  const bytes = new Int8Array(cells.buffer, cells.byteOffset, cells.byteLength);
  const canvas = element("canvas");
  paintSigned(canvas, Float32Array.from(bytes, (value) => value / 127), rows);
  return canvas;
}

function piecesOf(pieces) {
  const none = "The prompt was a sound, not words: its embedding came from CLAP's audio tower.";
  if (!pieces.length) return [element("p", {}, none)];
  const items = pieces.map(([piece, number]) => element("li", {}, element("b", {}, piece), String(number)));
  const list = element("ul", { class: "ldm-pieces", "aria-label": "Pieces of the prompt and their numbers" });
  list.append(...items);
  return [list];
}

function neighbours({ block, nearest }) {
  const picture = paintCells(block);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "The numbers of the embedding as coloured cells");
  const rows = nearest.map(([text, cosine]) => {
    const bar = element("span", { class: "ldm-cosine" });
    bar.style.width = `${100 * Math.max(0, cosine)}%`;
    const drawn = element("td", { "aria-hidden": "true" }, element("div", { class: "ldm-track" }, bar));
    const name = element("th", { scope: "row" }, text);
    return element("tr", {}, name, element("td", {}, cosine.toFixed(2)), drawn);
  });
  const table = element("table", {}, element("caption", {}, "Nearest texts, with the cosine of the angle"));
  table.append(element("tbody", {}, ...rows));
  return [element("div", { class: "ldm-block" }, picture), table];
}

function channelsOf({ channels, spread }) {
  const tiles = channels.map((channel, i) => {
    const canvas = paintCells(channel);
    const [mean, std] = spread[i].map((value) => value.toFixed(2));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Channel ${i + 1}: mean ${mean}, standard deviation ${std}`);
    return element("figure", {}, canvas, element("figcaption", {}, `${i + 1}: \u00b1${std}`));
  });
  const below = "Below each channel: its number and its standard deviation.";
  return [element("div", { class: "ldm-channels" }, ...tiles), element("p", { class: "ldm-hint" }, below)];
}

const decimals = (value) => String(Number(value.toPrecision(3)));

/** Fill `own` with the pictures of box `name`, and `facts` with its table. */
export function boxDetail(own, facts, name, reply, duration) {
  const parts = reply.pieces ? piecesOf(reply.pieces) : reply.nearest ? neighbours(reply) : [];
  own.replaceChildren(...(reply.channels ? channelsOf(reply) : parts));
  const { size, shape, dtype, low, high, mean, std, seconds, weights } = reply.facts;
  const rows = size === shape?.join(" x ") ? [] : [["Size", size]];
  if (shape) {
    rows.push(["Shape", `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`], ["Type", dtype]);
    rows.push(["Range", `${decimals(low)} to ${decimals(high)}`]);
    rows.push(["Mean", decimals(mean)], ["Standard deviation", decimals(std)]);
  }
  if (seconds !== null) rows.push(["Time", duration(seconds)]);
  if (weights) rows.push(["Part", weights]);
  facts.replaceChildren(
    ...rows.map(([what, value]) => element("div", {}, element("dt", {}, what), element("dd", {}, value))),
  );
}
