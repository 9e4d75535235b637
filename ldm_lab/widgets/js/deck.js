// The sounds of a blind trial: all in step, one of them heard, a part of them looped. No picture: it would be a clue.

import { decode, Transport } from "./sound.js";
import { button, element, field } from "./ui.js";

const HEARD = 0.93; // of a sound's length must have been played: the clocks of page and sound differ a little
const SHORTEST_PART = 0.1; // seconds
const DRAG = 5; // CSS pixels until a press becomes a drag

/** Transport of a trial that also counts for how long each sound was heard. */
export class Deck {
  constructor(onchange) {
    Object.assign(this, { sounds: [], heard: [], since: null, part: null });
    this.transport = new Transport({ onchange: () => (this.count(), onchange()) });
  }

  load(sounds, rate, { loop = false } = {}) {
    this.transport.pause();
    Object.assign(this, { sounds, heard: sounds.map(() => 0), since: null, part: null });
    this.transport.setActive(0);
    this.transport.load(sounds.map(({ pcm }) => decode(pcm)), rate);
    this.transport.setLoop(loop);
  }

  /** Add the time since the last call to the sound that is heard. */
  count() {
    const now = performance.now();
    if (this.since !== null) this.heard[this.transport.active] += (now - this.since) / 1000;
    this.since = this.transport.nodes.length ? now : null;
  }

  /** 0 to 1: how much of a sound's length was played, in one go or in parts. */
  share(i) {
    return Math.min(1, this.heard[i] / Math.max(1e-3, HEARD * this.transport.duration));
  }

  missing() {
    return this.sounds.filter((_, i) => this.share(i) < 1).map(({ label }) => label);
  }

  /** Hear sound `i`: switches without a gap while playing; the one that plays already is paused. */
  choose(i) {
    if (i < 0 || i >= this.sounds.length) return;
    if (this.transport.playing && i === this.transport.active) return void this.transport.pause();
    this.count();
    this.transport.setActive(i);
    if (!this.transport.playing) this.transport.play();
  }

  /** Play and loop only [from, to] seconds of all sounds; null: everything. */
  setPart(part) {
    const { duration, rate, playing } = this.transport;
    const fits = part && part[1] - part[0] >= SHORTEST_PART && part[1] - part[0] < duration - 0.01;
    this.part = fits ? part.map((seconds) => Math.min(duration, Math.max(0, seconds))) : null;
    if (this.part) this.transport.setLoop(true);
    this.transport.setBox(this.part && [...this.part, 0, rate / 2], { play: playing });
  }
}

/** Buttons of the sounds, place, loop and part of a trial. `follow()` shows what the deck does. */
export function deckControls(deck, keys) {
  const seconds = () => deck.transport.duration;
  const cards = deck.sounds.map(({ label }, i) => {
    const several = deck.sounds.length > 1;
    const play = button({ icon: "play", label: several ? label : "Play", className: "ldm-sound", onclick: () => deck.choose(i) });
    play.append(element("kbd", { "aria-hidden": "true" }, keys[i]));
    const heard = element("span", { class: "ldm-heard" });
    play.append(heard);
    return { play, heard, label };
  });
  const head = element("div", { class: "ldm-now" });
  const part = element("div", { class: "ldm-part" });
  const strip = element("div", { class: "ldm-strip", role: "slider", tabindex: "0", "aria-label": "Place in the sound" });
  strip.append(part, head);
  const loop = button({ icon: "loop", label: "Loop", title: "Loop (L)", pressed: deck.transport.loop });
  loop.addEventListener("click", () => deck.transport.setLoop(!deck.transport.loop));
  const [from, to] = ["Part from (s)", "to (s)"].map((label) =>
    field({ label, type: "number", min: 0, step: 0.1, onchange: () => retype() }),
  );
  const whole = button({ icon: "close", label: "Whole sound", title: "Play the whole sound again" });
  whole.addEventListener("click", () => deck.setPart(null));
  const retype = () => deck.setPart([Number(from.input.value), Number(to.input.value) || seconds()]);
  const place = deckStrip(strip, deck);
  const row = element("div", { class: "ldm-loops" }, loop, from.root, to.root, whole);
  const sounds = element("div", { class: "ldm-sounds", role: "group", "aria-label": "Sounds" });
  sounds.append(...cards.map(({ play }) => play));
  const root = element("div", { class: "ldm-deck" }, sounds, strip, ...(deck.sounds.length > 1 ? [row] : []));

  function follow() {
    const { active, playing, position, loop: looping } = deck.transport;
    cards.forEach(({ play, heard, label }, i) => {
      const on = playing && i === active;
      play.setAttribute("aria-pressed", String(on));
      play.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${label}${deck.share(i) < 1 ? "" : ", heard"}`);
      play.classList.toggle("ldm-done", deck.share(i) >= 1);
      heard.style.width = `${100 * deck.share(i)}%`;
    });
    const percent = (time) => `${(100 * time) / (seconds() || 1)}%`;
    const [start, end] = deck.part ?? [0, seconds()];
    head.style.left = percent(position);
    Object.assign(part.style, { left: percent(start), width: percent(end - start) });
    part.hidden = whole.hidden = !deck.part;
    loop.setAttribute("aria-pressed", String(looping));
    strip.setAttribute("aria-valuemin", "0");
    strip.setAttribute("aria-valuemax", seconds().toFixed(2));
    strip.setAttribute("aria-valuenow", position.toFixed(2));
    strip.setAttribute("aria-valuetext", `${position.toFixed(1)} of ${seconds().toFixed(1)} seconds`);
    [from, to].forEach(({ input }, i) => {
      if (document.activeElement !== input) input.value = Number([start, end][i].toFixed(2));
    });
  }
  follow();
  return { root, follow, destroy: place };
}

/** Mouse and keys of the place strip: click to jump, drag a part to loop. Returns the clean-up. */
function deckStrip(strip, deck) {
  let from = null;
  const at = (event) => {
    const { left, width } = strip.getBoundingClientRect();
    return (Math.min(Math.max(0, event.clientX - left), width) / (width || 1)) * deck.transport.duration;
  };
  strip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, seconds: at(event) };
    strip.setPointerCapture(event.pointerId);
    strip.focus({ preventScroll: true });
  });
  strip.addEventListener("pointerup", (event) => {
    if (!from) return;
    const ends = [from.seconds, at(event)].sort((a, b) => a - b);
    const dragged = Math.abs(event.clientX - from.x) >= DRAG;
    from = null;
    if (dragged && deck.sounds.length > 1) deck.setPart(ends);
    else deck.transport.seek(ends[0]);
  });
  const cancel = () => (from = null);
  strip.addEventListener("pointercancel", cancel);
  strip.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: 0.1, ArrowUp: 0.1, ArrowLeft: -0.1, ArrowDown: -0.1, PageUp: 1, PageDown: -1 };
    const places = { Home: 0, End: deck.transport.duration };
    if (!(event.key in moves) && !(event.key in places)) return;
    deck.transport.seek(places[event.key] ?? deck.transport.position + moves[event.key]);
    event.preventDefault();
    event.stopPropagation();
  });
  return cancel;
}
