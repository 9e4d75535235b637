// DenoisingScrubber, front end: a slider over the steps, each sampler's picture of the step, the sound of one.
//
// Model (denoising.py): the panel's traits, prompt, seed, samplers, steps, sigmas, passes, take, kind,
// recognised, step (1 .. steps + 1). It asks run, sound {step, kind} and pictures {kind}; the page keeps the
// answers until `take` changes.

import { newest } from "./newest.js";
import { panel } from "./panel.js";
import { paint } from "./picture.js";
import {
  ask, button, complain, element, field, onModel, radios, range, showView, statusLine, takeDown,
  write,
} from "./ui.js";

const FILM_MS = 400; // a step, when the steps run by themselves
const DENOISING_TERMS =
  "\u03c3: how strong the noise is (1: as strong as the sound). Passes: network passes for the whole sound.";
const DENOISING_KINDS = [
  { kind: "guess", label: "the guess x\u0302\u2080", title: "What the model believes the clean sound to be" },
  { kind: "noisy", label: "the noisy x", title: "What the sampler has in its hands" },
];

/** The place of a step in words; step `steps` + 1 is the finished sound. */
export function stepWords(step, steps) {
  if (step > steps) return "finished";
  const share = Math.round((100 * (step - 1)) / steps);
  return `${step} of ${steps}, ${share} % of the way`;
}

const denoisingKey = (step, steps, kind) => (step > steps ? "end" : `${kind} ${step}`);

class Denoising {
  constructor(model, el) {
    Object.assign(this, { model, take: model.get("take"), film: 0, waiting: false });
    this.player = panel(model, { boxes: true });
    this.status = statusLine(model);
    this.fetchSound = newest((wanted) => this.getSound(wanted));
    this.form();
    this.controls();
    const group = { class: "ldm-tiles", role: "radiogroup", "aria-label": "Sampler that is heard" };
    this.tiles = element("div", group);
    this.tiles.addEventListener("keydown", (event) => this.tileKey(event));
    const kept = { class: "ldm-widget ldm-denoising", role: "group", "aria-label": "Denoising scrubber" };
    this.root = element("div", { ...kept, "data-lm-suppress-shortcuts": "true" }, this.top, this.slider.root);
    this.root.append(this.bar, this.tiles, this.player.root, this.status);
    this.root.addEventListener("keydown", (event) => this.key(event));
    el.append(this.root);
    const follow = () => this.follow();
    const names = ["take", "step", "kind", "active", "recognised", "prompt", "seed", "progress"];
    this.off = onModel(model, Object.fromEntries(names.map((name) => [`change:${name}`, follow])));
    this.reset();
    this.follow();
  }

  /** Prompt, seed and the button that makes another sound. */
  form() {
    const { model } = this;
    const send = () => this.run();
    this.prompt = field({ label: "Prompt", value: model.get("prompt"), onenter: send });
    this.prompt.root.classList.add("ldm-wide");
    this.seed = field({ label: "Seed", type: "number", value: model.get("seed"), min: 0, onenter: send });
    const title = "Make this sound with every sampler";
    this.go = button({ label: "Denoise", title, className: "ldm-main", onclick: send });
    this.top = element("div", { class: "ldm-controls" }, this.prompt.root, this.seed.root, this.go);
  }

  /** The slider, what it shows, and "I recognise it". */
  controls() {
    const { model } = this;
    const steps = model.get("steps");
    this.slider = range({
      label: "Step",
      min: 1,
      max: steps + 1,
      value: model.get("step"),
      format: (step) => stepWords(step, model.get("steps")),
      oninput: (step) => (this.stop(), write(model, { step })),
    });
    this.marks = element("span", { class: "ldm-marks", "aria-hidden": "true" }); // `known` has the words
    const track = element("span", { class: "ldm-track" });
    this.slider.input.replaceWith(track);
    track.append(this.slider.input, this.marks);
    const runs = { label: "Run through", title: "Let the steps go by, from here to the end", pressed: false };
    this.watch = button({ ...runs, icon: "play", onclick: () => (this.film ? this.stop() : this.start()) });
    this.kinds = radios({
      label: "What is shown and heard",
      options: DENOISING_KINDS.map(({ label }) => label),
      onchoose: (i) => write(model, { kind: DENOISING_KINDS[i].kind }),
    });
    [...this.kinds.root.children].forEach((node, i) => (node.title = DENOISING_KINDS[i].title));
    const title = "Note this step for the sampler that is heard (R)";
    this.know = button({ label: "I recognise it", title, pressed: false, onclick: () => this.recognise() });
    this.known = element("span", { class: "ldm-known", "aria-live": "polite" });
    this.bar = element("div", { class: "ldm-controls" }, this.watch, this.kinds.root, this.know, this.known);
  }

  get steps() {
    return this.model.get("steps");
  }

  /** A new run: nothing that was kept is true any longer. */
  reset() {
    const { model } = this;
    const sound = model.get("sound") ?? {};
    this.stop();
    Object.assign(this, { take: model.get("take"), sounds: new Map(), pictures: {}, painted: new Map() });
    this.shown = sound.key;
    this.sounds.set(sound.key, sound);
    this.slider.input.max = this.steps + 1;
    this.tiles.replaceChildren(...model.get("samplers").map((name, i) => this.tile(name, i)));
  }

  tile(name, i) {
    const canvas = element("canvas", { "aria-hidden": "true", width: 1, height: 1 });
    const words = element("span", { class: "ldm-sigma" });
    const title = `Hear this one. ${DENOISING_TERMS}`;
    const radio = { type: "button", role: "radio", title, onclick: () => this.player.choose(i) };
    return element("button", radio, canvas, element("b", {}, name), words);
  }

  follow() {
    const { model, steps } = this;
    if (model.get("take") !== this.take) {
      this.reset();
      this.prompt.input.value = model.get("prompt");
      this.seed.input.value = model.get("seed");
    }
    const [step, kind, samplers] = [model.get("step"), model.get("kind"), model.get("samplers")];
    this.slider.set(step);
    this.kinds.choose(DENOISING_KINDS.findIndex((one) => one.kind === kind));
    this.go.disabled = this.waiting || model.get("progress") >= 0;
    this.sound(step, kind);
    this.picture(step, kind);
    this.remember(step, steps, samplers);
  }

  // --- sound -----------------------------------------------------------------------------------------------

  sound(step, kind) {
    const key = denoisingKey(step, this.steps, kind);
    const sound = this.sounds.get(key);
    this.player.root.classList.toggle("ldm-late", !sound); // what is heard is still another step
    if (!sound) this.fetchSound({ step, kind, key, take: this.take });
    else if (this.shown !== key) {
      this.shown = key;
      this.player.load(sound, { keep: true });
    }
  }

  async getSound({ step, kind, key, take }) {
    if (take !== this.take || this.sounds.has(key)) return;
    try {
      const { sound } = await ask(this.model, "sound", { step, kind });
      if (take === this.take) this.sounds.set(key, sound);
    } catch (error) {
      return complain(this.model, error);
    }
    if (!this.gone) this.sound(this.model.get("step"), this.model.get("kind"));
  }

  // --- pictures --------------------------------------------------------------------------------------------

  picture(step, kind) {
    const { model, steps, pictures } = this;
    const bands = model.get("sound").band_hz.length;
    const index = Math.min(step, steps + 1) - 1;
    const active = model.get("active");
    [...this.tiles.children].forEach((tile, i) => {
      const sigma = model.get("sigmas")[i][index];
      const canvas = tile.querySelector("canvas");
      tile.setAttribute("aria-checked", String(i === active));
      tile.tabIndex = i === active ? 0 : -1;
      const words = `\u03c3 ${Number(sigma.toPrecision(2))} \u00b7 ${model.get("passes")[i]} passes`;
      tile.querySelector(".ldm-sigma").textContent = words;
      tile.setAttribute("aria-busy", String(!pictures[kind]));
      const image = this.image(kind, i, index, bands);
      if (!image) return;
      Object.assign(canvas, { width: image.width, height: image.height });
      canvas.getContext("2d").drawImage(image, 0, 0);
    });
    if (!pictures[kind]) this.getPictures(kind);
  }

  /** The painted picture of a sampler's step, painted once; null while the pictures are not here. */
  image(kind, sampler, index, bands) {
    const { frames, mel } = this.pictures[kind] ?? {};
    if (!mel) return null;
    const size = frames * bands;
    const at = (sampler * (this.steps + 1) + index) * size;
    const key = `${kind} ${at}`;
    if (!this.painted.has(key)) {
      this.painted.set(key, paint(new Uint8Array(mel.buffer, mel.byteOffset + at, size), bands));
    }
    return this.painted.get(key);
  }

  async getPictures(kind) {
    const { take, pictures } = this;
    pictures[kind] = {}; // asked for
    try {
      const reply = await ask(this.model, "pictures", { kind });
      if (take === this.take) pictures[kind] = reply;
    } catch (error) {
      delete pictures[kind]; // asked again at the next step
      return complain(this.model, error);
    }
    if (!this.gone) this.picture(this.model.get("step"), this.model.get("kind"));
  }

  // --- recognised ------------------------------------------------------------------------------------------

  recognise() {
    const { model } = this;
    const name = model.get("samplers")[model.get("active")];
    const { [name]: before, ...others } = model.get("recognised");
    const step = model.get("step");
    write(model, { recognised: before === step ? others : { ...others, [name]: step } });
  }

  /** Marks under the slider, and the same in words. */
  remember(step, steps, samplers) {
    const noted = this.model.get("recognised");
    const names = samplers.filter((name) => name in noted);
    const heard = samplers[this.model.get("active")];
    this.know.setAttribute("aria-pressed", String(noted[heard] === step));
    const when = (name) => (noted[name] > steps ? "only when finished" : `in step ${noted[name]}`);
    this.known.textContent = names.length
      ? `Recognised: ${names.map((name) => `${name} ${when(name)}`).join(", ")}.`
      : `Listen, and move the slider to the right until you know what ${heard} is making.`;
    this.marks.replaceChildren(
      ...names.map((name) => {
        const mark = element("span", {}, `\u25b2 ${name}`);
        mark.style.setProperty("--at", (noted[name] - 1) / steps);
        return mark;
      }),
    );
  }

  // --- running by itself -----------------------------------------------------------------------------------

  start() {
    const { model } = this;
    if (model.get("step") > this.steps) write(model, { step: 1 });
    let step = model.get("step");
    this.film = setInterval(() => {
      write(model, { step: (step += 1) });
      if (step > this.steps) this.stop();
    }, FILM_MS);
    this.watch.setAttribute("aria-pressed", "true");
  }

  stop() {
    clearInterval(this.film);
    this.film = 0;
    this.watch.setAttribute("aria-pressed", "false");
  }

  async run() {
    const { model } = this;
    if (this.waiting) return;
    this.waiting = true;
    this.follow();
    try {
      await ask(model, "run", { prompt: this.prompt.input.value, seed: Number(this.seed.input.value) });
    } catch (error) {
      complain(model, error);
    } finally {
      this.waiting = false;
      if (!this.gone) this.follow();
    }
  }

  // --- keyboard --------------------------------------------------------------------------------------------

  tileKey(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const count = this.tiles.children.length;
    this.player.choose((this.model.get("active") + step + count) % count);
    this.tiles.children[this.model.get("active")].focus();
    event.preventDefault();
    event.stopPropagation();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== "r") return;
    if (event.target.tagName === "INPUT" && event.target.type !== "range") return;
    this.recognise();
    event.preventDefault();
    event.stopPropagation();
  }

  destroy() {
    this.gone = true;
    this.stop();
    takeDown(this);
  }
}

export default showView((model, el) => new Denoising(model, el));
