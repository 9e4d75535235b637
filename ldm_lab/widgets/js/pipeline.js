// PipelineMap: ten boxes from prompt to sound. One is chosen; below the map is what left it.

import { boxDetail, paintCells } from "./boxdetail.js";
import { newest } from "./newest.js";
import { panel } from "./panel.js";
import { paint } from "./picture.js";
import {
  ask, button, complain, element, field, onModel, range, showView, statusLine, svgElement,
  takeDown, write,
} from "./ui.js";

const duration = (seconds) => (seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(1)} s`);

/** What is drawn in a box: the picture of what left it. */
function boxPicture(name, thumbs, bands, words) {
  const thumb = thumbs[name];
  if (!thumb) return element("span", { class: "ldm-words" }, words);
  const frame = element("span", { class: "ldm-thumb", "aria-hidden": "true" });
  if (name === "mel") frame.append(paint(thumb, bands));
  else if (name === "unet") frame.append(...thumb.map((mel) => paint(mel, bands)));
  else if (name === "embedding") frame.append(paintCells(thumb));
  else if (name === "sound") {
    const look = { viewBox: "0 0 100 40", preserveAspectRatio: "none" };
    frame.append(svgElement("svg", look, svgElement("path", { d: thumb })));
  } else frame.append(...thumb.channels.map(paintCells));
  frame.classList.add(`ldm-thumb-${name}`);
  return frame;
}

class PipelineView {
  constructor(model) {
    Object.assign(this, { model, replies: new Map(), player: panel(model, { boxes: false }) });
    this.status = statusLine(model);
    this.map = element("div", { class: "ldm-stack", role: "group", "aria-label": "Map: prompt to sound" });
    this.times = element("div", { class: "ldm-times" });
    this.step = range({
      label: "Step",
      min: 1,
      max: model.get("steps"),
      value: model.get("step"),
      format: (step) => `${step} of ${model.get("steps")}`,
      oninput: (step) => write(model, { step }),
    });
    this.heading = element("p", { class: "ldm-heading" });
    this.about = element("p", { class: "ldm-about", "aria-live": "polite" });
    this.own = element("div", { class: "ldm-own" });
    this.facts = element("dl", { class: "ldm-facts" });
    const sound = element("div", { class: "ldm-heard" }, this.step.root, this.player.root);
    this.detail = element("section", { class: "ldm-detail", "aria-label": "The chosen box" });
    this.detail.append(this.heading, this.about, this.own, sound, this.facts);
    this.root = element("div", { class: "ldm-widget ldm-map", role: "group", "aria-label": "Pipeline map" });
    this.root.setAttribute("data-lm-suppress-shortcuts", "true"); // keeps JupyterLab's own shortcuts away
    const keys = "Click a box to see and hear what left it. Keys: arrows and Enter.";
    const hint = element("p", { class: "ldm-hint" }, keys);
    this.root.append(this.controls(), this.status, hint, this.map, this.times, this.detail);
    this.map.addEventListener("keydown", (event) => this.onKey(event));
    this.fetch = newest(() => this.show());
    this.off = onModel(model, {
      "change:selected": () => this.choose(),
      "change:step": () => this.moved(),
      "change:take": () => queueMicrotask(() => this.renew()), // after all traits of the message have arrived
    });
    this.renew();
  }

  controls() {
    const prompt = field({ label: "Prompt", value: this.model.get("prompt"), onenter: () => this.run() });
    prompt.root.classList.add("ldm-wide");
    this.prompt = prompt.input;
    this.again = button({ label: "Run again", className: "ldm-main", onclick: () => this.run() });
    return element("div", { class: "ldm-controls" }, prompt.root, this.again);
  }

  async run() {
    if (this.again.disabled) return;
    this.again.disabled = true;
    try {
      await ask(this.model, "run", { prompt: this.prompt.value });
    } catch (error) {
      complain(this.model, error);
    }
    this.again.disabled = false;
  }

  /** Everything anew: another sound has been followed. */
  renew() {
    if (this.gone) return;
    const { model } = this;
    const bands = model.get("sound").band_hz.length;
    this.replies.clear();
    if (document.activeElement !== this.prompt) this.prompt.value = model.get("prompt");
    this.step.input.max = model.get("steps");
    this.step.set(model.get("step"));
    const held = this.map.contains(document.activeElement);
    this.buttons = model.get("boxes").map((box) => this.box(box, bands));
    this.map.replaceChildren(...this.buttons, element("div", { class: "ldm-bend", "aria-hidden": "true" }));
    this.drawTimes();
    this.choose();
    if (held) this.chosen().focus({ preventScroll: true });
  }

  box({ name, title, about, column, row, part }, bands) {
    const { size, seconds, weights } = this.model.get("facts")[name];
    const work = [weights, seconds === null ? "" : duration(seconds)].filter(Boolean);
    const kept = work.map((line) => line.replaceAll(" ", "\u00a0")); // breaks between them only
    const node = element("button", { type: "button", class: part ? "ldm-box ldm-work" : "ldm-box" });
    node.dataset.box = name;
    const words = name === "prompt" ? this.model.get("prompt") || "(no prompt)" : about;
    node.append(
      element("span", { class: "ldm-name" }, title),
      boxPicture(name, this.model.get("thumbs"), bands, words),
      element("span", { class: "ldm-size" }, part ? kept.join(", ") : size),
    );
    node.style.setProperty("--column", column + 1);
    node.style.setProperty("--row", 2 * row + 1);
    node.addEventListener("click", () => write(this.model, { selected: name }));
    return node;
  }

  /** Where the time went: a bar in proportion, and the figures in words. */
  drawTimes() {
    const times = this.model.get("times");
    const total = times.reduce((sum, { seconds }) => sum + seconds, 0) || 1;
    const bar = element("div", { class: "ldm-bar-of-time", "aria-hidden": "true" });
    const words = times.map(({ title, seconds }, i) => {
      const part = element("span", { class: `ldm-t${i}` });
      part.style.flexGrow = seconds / total;
      bar.append(part);
      const text = `${title} ${duration(seconds)} (${((100 * seconds) / total).toFixed(0)} %)`;
      return element("li", {}, element("span", { class: `ldm-key ldm-t${i}` }), text);
    });
    const head = element("p", {}, `Where the time goes: ${duration(total)} in all`);
    this.times.replaceChildren(head, bar, element("ul", {}, ...words));
  }

  chosen() {
    return this.buttons.find((node) => node.dataset.box === this.model.get("selected"));
  }

  choose() {
    for (const node of this.buttons) {
      const here = node === this.chosen();
      node.setAttribute("aria-pressed", String(here));
      node.tabIndex = here ? 0 : -1;
    }
    this.fetch();
  }

  moved() {
    this.step.set(this.model.get("step"));
    if (this.model.get("selected") === "unet") this.fetch();
  }

  reply(name, step) {
    const key = name === "unet" ? `unet ${step}` : name;
    if (!this.replies.has(key)) this.replies.set(key, ask(this.model, "box", { name, step }));
    return this.replies.get(key);
  }

  /** Show the chosen box; asks Python once for each. */
  async show() {
    const [name, step, take] = ["selected", "step", "take"].map((trait) => this.model.get(trait));
    let reply;
    try {
      reply = await this.reply(name, step);
    } catch (error) {
      this.replies.clear();
      complain(this.model, error);
      return;
    }
    if (this.gone || take !== this.model.get("take") || name !== this.model.get("selected")) return;
    this.heading.textContent = this.words(name, step);
    if (this.about.textContent !== reply.about) this.about.textContent = reply.about;
    boxDetail(this.own, this.facts, name, reply, duration);
    this.step.root.hidden = name !== "unet";
    this.player.root.hidden = !reply.sound;
    if (reply.sound) this.player.load(reply.sound, { keep: true }); // equally long: what plays goes on
    else this.player.pause();
  }

  words(name, step) {
    const { title, made } = this.model.get("facts")[name];
    if (name === "unet") return `What left the UNet in step ${step}: its guess of the latent`;
    const of = this.model.get("facts")[made].title;
    return made === name ? `The ${title}` : `What left the ${title}: the ${of}`;
  }

  /** Arrow keys go to the nearest box in their direction, as the map is drawn; Enter and space choose. */
  onKey(event) {
    const from = event.target.closest("button");
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    const [x, y] = ways[event.key] ?? [];
    if (!from || x === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = (node) => {
      const [right, down] = [node.offsetLeft - from.offsetLeft, node.offsetTop - from.offsetTop];
      const [ahead, aside] = [right * x + down * y, Math.abs(right * y) + Math.abs(down * x)];
      return ahead > 1 ? ahead + 10 * aside : Infinity;
    };
    const next = this.buttons.reduce((best, node) => (far(node) < far(best) ? node : best));
    if (far(next) < Infinity) {
      for (const node of this.buttons) node.tabIndex = node === next ? 0 : -1;
      next.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }

  destroy() {
    takeDown(this);
  }
}

export default showView((model) => new PipelineView(model));
