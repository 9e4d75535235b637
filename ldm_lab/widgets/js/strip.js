// TransferStrip, front end: one slider over a row of pictures, the curves of similarity below it.
//
// Model (strip.py): the panel's traits (all sounds of the row are its versions), labels, similarity, strengths, editable,
// prompt, seed, options, usual; it asks run.

import { editForm } from "./editform.js";
import { panel } from "./panel.js";
import { paint } from "./picture.js";
import {
  ask, complain, element, field, onModel, range, statusLine, svgElement, watchLook, write,
} from "./ui.js";

const STRIP_NUMBERS = [
  { name: "steps", label: "Steps", title: "Network passes at full strength; weaker ones take their share", step: 1 },
  { name: "guidance", label: "Guidance", title: "How hard the prompt pulls", step: 0.5 },
  { name: "candidates", label: "Candidates", title: "So many are made, the one nearest to the prompt is kept", step: 1 },
];
const CURVES = [
  { name: "to_prompt", what: "prompt", dashed: false },
  { name: "to_source", what: "source", dashed: true },
];
const [CURVE_TALL, CURVE_EDGE, CURVE_LEFT] = [104, 9, 34]; // pixels: height, room above and below, room for the scale

/** "strength 0.4: similarity to the prompt 0.57, to the source 0.83." */
export function similarityWords(label, similarity, place) {
  const known = CURVES.map(({ name, what }) => [what, similarity[name]?.[place]]).filter(([, value]) => value != null);
  if (!known.length) return `${label}.`;
  return `${label}: similarity ${known.map(([what, value]) => `to the ${what} ${value.toFixed(2)}`).join(", ")}.`;
}

/** The curves over `count` columns of `width` pixels; the mark stands at column `place`. */
function curves(similarity, count, width, place) {
  const values = CURVES.flatMap(({ name }) => similarity[name] ?? []).filter((value) => value != null);
  const low = Math.min(0, ...values);
  const x = (i) => CURVE_LEFT + ((i + 0.5) * width) / count;
  const y = (value) => CURVE_EDGE + (1 - (value - low) / (1 - low)) * (CURVE_TALL - 2 * CURVE_EDGE);
  const scale = [0, 0.5, 1].flatMap((value) => [
    svgElement("line", { class: "ldm-grid", x1: CURVE_LEFT, x2: CURVE_LEFT + width, y1: y(value), y2: y(value) }),
    svgElement("text", { x: CURVE_LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, String(value)),
  ]);
  const mark = svgElement("line", { class: "ldm-mark", x1: x(place), x2: x(place), y1: 0, y2: CURVE_TALL });
  const drawn = CURVES.flatMap(({ name, what, dashed }) => {
    const points = (similarity[name] ?? []).map((value, i) => ({ value, i })).filter(({ value }) => value != null);
    const line = points.map(({ value, i }) => `${x(i)},${y(value)}`).join(" ");
    const dots = points.map(({ value, i }) => {
      const size = i === place ? 5.5 : 3.5;
      const [left, upper] = [x(i) - size, y(value) - size];
      const shape = { x: left, y: upper, width: 2 * size, height: 2 * size, rx: dashed ? 0 : size };
      return svgElement("rect", shape, svgElement("title", {}, `to the ${what} ${value.toFixed(2)}`));
    });
    return [svgElement("g", { class: `ldm-curve ldm-${name}` }, svgElement("polyline", { points: line }), ...dots)];
  });
  return [...scale, mark, ...drawn];
}

function curveWords(labels, similarity) {
  const told = labels.map((label, i) => similarityWords(label, similarity, i));
  return `CLAP similarity over strength. ${told.join(" ")}`;
}

function stripParts(model, player) {
  const chart = svgElement("svg", { role: "img", height: CURVE_TALL });
  const key = element("p", { class: "ldm-key" });
  const words = element("p", { class: "ldm-now", "aria-live": "polite" });
  const thumbs = element("div", { class: "ldm-thumbs" });
  const slider = range({
    label: "Strength",
    format: (place) => (model.get("labels")[place] ?? "").replace(/^strength /, ""),
    oninput: (place) => player.choose(place),
  });
  const strengths = field({
    label: "Strengths",
    title: "Numbers from 0 (the sound itself) to 1 (free generation)",
    onchange: (text) => write(model, { strengths: strengthList(text) }),
  });
  strengths.root.classList.add("ldm-wide");
  return { chart, key, words, thumbs, slider, strengths };
}

const strengthList = (text) =>
  text
    .split(/[\s,;]+/)
    .filter(Boolean)
    .map((part) => (Number.isNaN(Number(part)) ? part : Number(part)));

function render({ model, el }) {
  const player = panel(model, { boxes: true, playBox: true });
  const ui = stripParts(model, player);
  const status = statusLine(model);
  const form = editForm(model, {
    run: "Transfer",
    hint: "what the sound shall become",
    numbers: STRIP_NUMBERS,
    more: [ui.strengths.root],
    onrun: run,
  });
  const row = element("div", { class: "ldm-row" }, ui.slider.root, ui.thumbs, ui.chart);
  const kept = { class: "ldm-widget ldm-transfer", role: "group", "aria-label": "Transfer strip" };
  const root = element("div", { ...kept, "data-lm-suppress-shortcuts": "true" }, player.root, row, ui.words, ui.key);
  root.append(form.top, status, form.details);
  el.append(root);

  async function run(values) {
    try {
      await ask(model, "run", { ...values, strengths: strengthList(ui.strengths.input.value) });
    } catch (error) {
      complain(model, error);
    }
  }

  /** A new series: pictures, slider, form. */
  function load() {
    const { versions = [], band_hz: bands = [] } = model.get("sound") ?? {};
    const labels = model.get("labels");
    const buttons = labels.map((label, i) => {
      const picture = versions[i] ? paint(versions[i].mel, bands.length) : "";
      const short = element("span", {}, label.replace(/^strength /, ""));
      return element("button", { type: "button", tabindex: "-1", "aria-label": label, onclick: () => go(i) }, picture, short);
    });
    ui.thumbs.replaceChildren(...buttons);
    row.style.setProperty("--ldm-count", labels.length);
    ui.slider.root.querySelector("label").textContent = model.get("strengths").length ? "Strength" : "Setting";
    ui.slider.input.max = labels.length - 1;
    ui.strengths.input.value = model.get("strengths").join(" ");
    const shown = model.get("similarity");
    const known = CURVES.filter(({ name }) => shown[name]?.length);
    ui.chart.toggleAttribute("hidden", !known.length);
    ui.chart.setAttribute("aria-label", curveWords(labels, shown));
    const kinds = known.map(({ what, dashed }) => `${dashed ? "\u25a0 dashed" : "\u25cf solid"}: to the ${what}`);
    ui.key.textContent = kinds.length ? `CLAP similarity (1 = alike): ${kinds.join("; ")}.` : "";
    for (const node of [form.top, form.details, status]) node.hidden = !model.get("editable");
    mark();
  }

  function go(place) {
    player.choose(place);
    ui.slider.input.focus({ preventScroll: true });
  }

  /** Where we are: slider, picture, curves, words. */
  function mark() {
    const place = model.get("active");
    const labels = model.get("labels");
    if (Number(ui.slider.input.value) !== place) ui.slider.input.value = place;
    ui.slider.set(place);
    [...ui.thumbs.children].forEach((node, i) => node.setAttribute("aria-pressed", String(i === place)));
    ui.words.textContent = similarityWords(labels[place] ?? "", model.get("similarity"), place);
    draw();
  }

  function draw() {
    const width = ui.thumbs.clientWidth;
    if (!width) return;
    ui.chart.setAttribute("width", width + CURVE_LEFT);
    ui.chart.replaceChildren(...curves(model.get("similarity"), model.get("labels").length, width, model.get("active")));
  }

  ui.slider.input.addEventListener("keydown", (event) => {
    if (event.key !== " ") return; // the arrows are the slider's own
    player.toggle();
    event.preventDefault();
    event.stopPropagation();
  });
  ui.chart.addEventListener("pointerdown", (event) => {
    const at = (event.clientX - ui.chart.getBoundingClientRect().left - CURVE_LEFT) / ui.thumbs.clientWidth;
    const count = model.get("labels").length;
    if (at >= 0 && at < 1) go(Math.floor(at * count));
  });
  const news = ["sound", "labels", "similarity", "strengths", "editable"].map((name) => [`change:${name}`, load]);
  const off = onModel(model, { ...Object.fromEntries(news), "change:active": mark });
  const unwatch = watchLook(root, draw);
  load();

  return () => {
    off();
    unwatch();
    form.destroy();
    status.destroy();
    player.destroy();
    root.remove();
  };
}

export default { render };
