// A complete player, bound to the panel traits of a widget (base.py): picture, sound, versions, box, zoom, read-out.

import { clock, paint } from "./picture.js";
import { decode, Transport } from "./sound.js";
import { Stage } from "./stage.js";
import { button, element, field, icon, onModel, radios, watchLook, write } from "./ui.js";

const SECONDS_KEY = 0.1; // an arrow key moves this far
const SECONDS_PAGE = 1;
const NEW_BOX = 0.5; // seconds: the box that the keyboard makes
const HINT = "Drag a box to hear only that part; click to jump.";

/** The controls of one panel, without behaviour. */
function panelParts(options) {
  const ui = {
    play: button({ icon: "play", title: "Play (space)", className: "ldm-play" }),
    loop: button({ icon: "loop", title: "Loop (L)", pressed: false, className: "ldm-loop" }),
    match: button({ icon: "match", label: "Match", title: "Match levels (M)", pressed: false }),
    zoomIn: button({ icon: "zoomIn", title: "Zoom in (+)", className: "ldm-zoom-in" }),
    zoomOut: button({ icon: "zoomOut", title: "Zoom out (-)", className: "ldm-zoom-out" }),
    newBox: button({ icon: "box", title: "Box around the playhead (B)", pressed: false, className: "ldm-new-box" }),
    zoomBox: button({ icon: "zoomIn", title: "Zoom to the box (Z)" }),
    solo: button({ label: "Only the box", title: "Hear only the box (O)", pressed: false }),
    noBox: button({ icon: "close", title: "Remove the box (Escape)" }),
    title: element("span", { class: "ldm-title" }),
    time: element("span", { class: "ldm-time" }),
    hint: element("span", { class: "ldm-hint" }, options.hint ?? HINT),
    read: element("span", { class: "ldm-read" }),
    transcript: element("p", { class: "ldm-transcript", "aria-live": "polite" }),
  };
  ui.match.setAttribute("aria-label", "Match levels");
  ui.right = element("span", { class: "ldm-right" }, ui.zoomIn, ui.zoomOut, ui.time);
  if (options.boxes) ui.right.prepend(ui.newBox);
  ui.solo.hidden = options.hearBox;
  return ui;
}

/** Number fields of the box: from, to (s), low, high (Hz). `onchange` gets four numbers. */
function boxFields(onchange) {
  const names = ["From (s)", "to (s)", "low (Hz)", "high (Hz)"];
  const fields = names.map((label, i) =>
    field({ label, type: "number", min: 0, step: i < 2 ? 0.01 : 10, onchange: () => change() }),
  );
  const change = () => onchange(fields.map(({ input }) => Number(input.value)));
  const set = (box) =>
    fields.forEach(({ input }, i) => {
      const text = box ? String(Number(box[i].toFixed(i < 2 ? 3 : 0))) : "";
      if (Number(input.value) !== Number(text) || !input.value) input.value = text;
    });
  return { nodes: fields.map(({ root }) => root), set };
}

class Panel {
  constructor(model, options) {
    Object.assign(this, { model, options, pictures: [], shown: {}, frame: 0, solo: options.hearBox });
    this.transport = new Transport({ onchange: () => this.refresh() });
    const ui = (this.ui = panelParts(options));
    this.stage = new Stage({
      boxes: options.boxes,
      onseek: (seconds) => this.transport.seek(seconds),
      onbox: (box, { dragged } = {}) => {
        const other = options.hearBox ? [] : model.get("box"); // a click beside a box that only marks leaves it alone
        this.setBox(box ?? other, { play: Boolean(dragged) && options.playBox });
      },
      onread: (point) => this.readOut(point),
    });
    this.versions = radios({ label: "Version", onchoose: (i) => this.choose(i) });
    this.versions.root.classList.add("ldm-versions");
    this.fields = boxFields((box) => this.typed(box));
    ui.box = element("span", { class: "ldm-box", hidden: true }, ...this.fields.nodes, ui.solo, ui.zoomBox, ui.noBox);
    const bar = element("div", { class: "ldm-bar" }, ui.play, ui.loop, this.versions.root, ui.match, ui.title, ui.right);
    const foot = element("div", { class: "ldm-foot" }, options.boxes ? ui.hint : "", ui.box);
    this.stage.root.append(ui.read); // beside the name of the time axis
    // The attribute keeps JupyterLab's own shortcuts away from keys pressed inside the player.
    const kept = { class: "ldm-player", role: "group", "data-lm-suppress-shortcuts": "true" };
    this.root = element("div", kept, bar, this.stage.root, foot, ui.transcript);
    this.listen();
    this.load(model.get("sound") ?? {});
  }

  listen() {
    const { ui, model, transport, stage } = this;
    const clicks = [
      [ui.play, () => transport.toggle()],
      [ui.loop, () => this.setLoop(!transport.loop)],
      [ui.match, () => this.setMatch(!model.get("match"))],
      [ui.zoomIn, () => this.zoom(0.5)],
      [ui.zoomOut, () => this.zoom(2)],
      [ui.newBox, () => this.toggleBox()],
      [ui.zoomBox, () => (stage.zoomTo(this.box), this.refresh())],
      [ui.solo, () => this.setSolo(!this.solo)],
      [ui.noBox, () => this.setBox([])],
    ];
    for (const [node, act] of clicks) node.addEventListener("click", act);
    this.root.addEventListener("keydown", (event) => this.key(event));
    const off = onModel(model, {
      "change:sound": () => this.load(model.get("sound") ?? {}),
      "change:title": () => this.words(),
      "change:height": () => this.redraw(),
      "change:loop": () => transport.setLoop(model.get("loop")),
      "change:match": () => this.setMatch(model.get("match")),
      "change:active": () => {
        const active = model.get("active"); // of a sound that comes in the same message, perhaps: then load looks at it
        if (active !== transport.active && active < transport.versions.length) this.choose(active);
      },
      "change:position": () => this.follow(),
      "change:box": () => JSON.stringify(model.get("box")) !== JSON.stringify(this.box ?? []) && this.boxMoved(),
      "change:playing": () => model.get("playing") || transport.pause(), // a start may come from another view
    });
    const unwatch = watchLook(this.root, () => this.redraw());
    this.off = () => (off(), unwatch());
  }

  boxMoved() {
    this.setBox(this.model.get("box"), { quiet: true });
  }

  /** Show a sound (Pack.state); what plays goes on at its place if it is `keep`, or if Python did not stop it. */
  load(sound, { keep = this.transport.playing && this.model.get("playing") } = {}) {
    const { model, transport } = this;
    const versions = sound.versions ?? [];
    const bands = (sound.band_hz ?? []).length;
    this.shown = sound;
    this.pictures = versions.map(({ mel }) => ({
      image: null, // painted when it is first looked at
      cells: mel,
      seconds: (mel.byteLength / bands) * sound.frame_seconds,
    }));
    transport.loop = model.get("loop");
    transport.active = Math.min(model.get("active"), Math.max(0, versions.length - 1));
    const clips = versions.map(({ pcm }) => decode(pcm));
    transport.load(clips, sound.sample_rate ?? 16000, model.get("position"), { keep });
    transport.setGains(this.gains());
    this.versions.set(versions.length < 2 ? [] : versions.map(({ label }) => label));
    this.versions.root.hidden = this.ui.match.hidden = versions.length < 2;
    if (!keep) this.setBox(model.get("box"), { quiet: true });
    this.words();
    this.redraw();
  }

  gains() {
    return this.model.get("match") ? (this.shown.versions ?? []).map(({ gain }) => gain ?? 1) : [];
  }

  /** What is written: the title once, and the transcript of the version that is heard. */
  words() {
    const { ui, model, transport } = this;
    const title = model.get("title");
    const said = this.shown.versions?.[transport.active]?.transcript ?? "";
    this.root.setAttribute("aria-label", title ? `Sound: ${title}` : "Sound");
    this.stage.canvas.setAttribute("aria-label", `Log-mel spectrogram, ${clock(transport.duration)}. ${said}`);
    ui.title.textContent = title;
    ui.transcript.textContent = said;
    this.versions.choose(transport.active);
  }

  choose(index) {
    this.transport.setActive(index);
    write(this.model, { active: this.transport.active });
    this.words();
    this.redraw();
  }

  redraw() {
    const { stage, transport, shown, pictures } = this;
    const bands = shown.band_hz?.length ?? 0;
    const picture = pictures[transport.active];
    if (picture) picture.image ??= paint(picture.cells, bands);
    stage.root.style.height = `${this.model.get("height")}px`;
    const seconds = picture?.seconds ?? 0;
    const { duration, rate } = transport;
    const centres = shown.band_hz ?? [];
    stage.show({ picture: picture?.image, cells: picture?.cells, seconds, duration, centres, rate });
    this.tick();
  }

  tick() {
    const { position, duration, playing } = this.transport;
    this.stage.setPosition(position, { follow: playing });
    this.ui.time.textContent = `${position.toFixed(2)} / ${clock(duration)}`;
    this.stage.slider.setAttribute("aria-valuenow", position.toFixed(2));
  }

  animate() {
    this.tick();
    this.frame = this.transport.playing ? requestAnimationFrame(() => this.animate()) : 0;
  }

  refresh() {
    const { ui, transport, stage } = this;
    if (!stage) return;
    const { playing, duration, position } = transport;
    ui.play.replaceChildren(icon(playing ? "pause" : "play"));
    ui.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    ui.play.title = playing ? "Pause (space)" : "Play (space)";
    ui.play.disabled = !duration;
    ui.loop.setAttribute("aria-pressed", String(transport.loop));
    ui.match.setAttribute("aria-pressed", String(Boolean(this.model.get("match"))));
    ui.newBox.setAttribute("aria-pressed", String(Boolean(this.box)));
    ui.zoomOut.disabled = !stage.zoomed;
    const { slider } = stage;
    slider.setAttribute("aria-valuemin", "0");
    slider.setAttribute("aria-valuemax", duration.toFixed(2));
    slider.setAttribute("aria-valuetext", `${clock(position)} of ${clock(duration)}`);
    if (playing && !this.frame) this.animate();
    this.tick();
    write(this.model, { playing, ...(playing ? {} : { position }) });
  }

  /** Python moved the position. */
  follow() {
    const seconds = this.model.get("position");
    if (!this.transport.playing && Math.abs(seconds - this.transport.position) > 1e-6) this.transport.seek(seconds);
  }

  setLoop(loop) {
    this.transport.setLoop(loop);
    write(this.model, { loop });
  }

  setMatch(match) {
    write(this.model, { match });
    this.transport.setGains(this.gains());
    this.refresh();
  }

  // --- box and zoom ---------------------------------------------------------------------------------------------------

  get box() {
    return this.stage?.box ?? null;
  }

  /** [start, end, low, high] or []; heard alone from now on, if `solo`. `quiet`: the model knows already. */
  setBox(values, { play, quiet = false } = {}) {
    const { stage, transport, ui } = this;
    const box = values?.length === 4 ? [...values] : null;
    const heard = this.solo ? box : null;
    const same = JSON.stringify(heard) === JSON.stringify(transport.box);
    stage.setBox(box);
    this.fields.set(box);
    ui.box.hidden = !box;
    ui.hint.hidden = Boolean(box);
    if (!same) transport.setBox(heard, play === undefined ? {} : { play: play || transport.playing });
    if (!quiet) write(this.model, { box: box ?? [] });
    this.refresh();
  }

  setSolo(solo) {
    this.solo = solo;
    this.ui.solo.setAttribute("aria-pressed", String(solo));
    this.setBox(this.box ?? []);
  }

  typed([start, end, low, high]) {
    const { duration, rate } = this.transport;
    const first = Math.min(Math.max(0, start), duration - 0.02);
    const bottom = Math.min(Math.max(0, low), rate / 2 - 20);
    const last = Math.min(duration, Math.max(first + 0.02, end));
    this.setBox([first, last, bottom, Math.min(rate / 2, Math.max(bottom + 20, high))]);
    this.fields.set(this.box);
  }

  /** A box around the playhead over all frequencies, or none if there is one. */
  toggleBox() {
    const { duration, position, rate } = this.transport;
    if (!this.options.boxes || !duration) return;
    if (this.box) return this.setBox([]);
    const start = Math.max(0, Math.min(position - NEW_BOX / 2, duration - NEW_BOX));
    this.setBox([Number(start.toFixed(3)), Math.min(duration, start + NEW_BOX), 0, rate / 2]);
  }

  zoom(factor) {
    this.stage.zoom(factor);
    this.refresh();
  }

  readOut(point) {
    if (!point) return (this.ui.read.textContent = "");
    const level = point.floor ? "below \u221278 dB" : `\u2212${Math.abs(point.db).toFixed(0)} dB`;
    this.ui.read.textContent = `${clock(point.seconds)} \u00b7 ${Math.round(point.hz)} Hz \u00b7 ${level}`;
  }

  // --- keyboard -------------------------------------------------------------------------------------------------------

  /** The action of a key, or null for keys that are not ours. */
  action({ key, shiftKey }) {
    const { transport, stage, options } = this;
    const { position, duration } = transport;
    const seek = (seconds) => () => transport.seek(seconds);
    const moves = { ArrowRight: SECONDS_KEY, ArrowLeft: -SECONDS_KEY, PageUp: SECONDS_PAGE, PageDown: -SECONDS_PAGE };
    if (key in moves && !shiftKey) return seek(position + moves[key]);
    const named = {
      Home: seek(0),
      End: seek(duration),
      ArrowUp: () => stage.step(1),
      ArrowDown: () => stage.step(-1),
      " ": () => transport.toggle(),
      Enter: () => transport.toggle(),
      l: () => this.setLoop(!transport.loop),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => (stage.zoomOut(), this.refresh()),
    };
    if (options.boxes) {
      named.b = () => this.toggleBox();
      named.z = () => this.box && (stage.zoomTo(this.box), this.refresh());
      if (this.box) named.Escape = () => this.setBox([]);
      if (!options.hearBox) named.o = () => this.setSolo(!this.solo);
    }
    const count = transport.versions.length;
    if (count > 1) named.m = () => this.setMatch(!this.model.get("match"));
    if (count > 1 && key >= "1" && key <= String(count)) return () => this.choose(Number(key) - 1);
    return named[key.length === 1 ? key.toLowerCase() : key] ?? null;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { tagName } = event.target;
    if (tagName === "INPUT" && event.key !== "Escape") return;
    if (tagName === "BUTTON" && (event.key === " " || event.key === "Enter")) return;
    const act = this.action(event);
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  play() {
    return this.transport.play();
  }

  pause() {
    this.transport.pause();
  }

  toggle() {
    return this.transport.toggle();
  }

  destroy() {
    this.transport.pause();
    this.transport.ticket = null; // a start that waits for the loudspeaker is called off
    cancelAnimationFrame(this.frame);
    this.off();
    this.root.remove();
  }
}

/**
 * A player for `model`. boxes: drag boxes; playBox: a dragged box plays at once; hearBox: a box is heard alone (false: it only
 * marks, and a button lets it be heard alone); hint: words below the picture.
 */
export function panel(model, { boxes = true, playBox = true, hearBox = true, hint } = {}) {
  return new Panel(model, { boxes, playBox, hearBox, hint });
}
