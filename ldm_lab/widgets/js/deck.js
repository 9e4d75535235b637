// The sounds of a blind trial: all in step, one of them heard, a part of them looped. No picture: it would be
// a clue.

import { decode, Transport } from "./sound.js";
import { button, element, field, icon } from "./ui.js";

const SLACK = 0.03; // seconds of a sound that need not be heard: its clock goes in steps of 128 samples
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

  /** Add what was played since the last call to the sound that is heard, by the clock of the sound itself. */
  count() {
    const { active, context, nodes, startedAt } = this.transport;
    const now = context?.currentTime;
    const begun = nodes.length ? startedAt : null; // a start is noticed a little late
    if (this.since !== null) this.heard[active] += now - this.since;
    this.since = this.since !== null && nodes.length ? now : begun;
  }

  /** 0 to 1: how much of a sound's length was played, in one go or in parts. */
  share(i) {
    const { duration } = this.transport;
    return Math.min(1, this.heard[i] / Math.max(duration - SLACK, duration / 2, 1e-3));
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

/** A button for each sound, with its key and how much of it was heard. */
function soundButtons(deck, keys) {
  const cards = deck.sounds.map(({ label }, i) => {
    const shown = deck.sounds.length > 1 ? label : "Play";
    const play = button({ icon: "play", label: shown, className: "ldm-sound" });
    play.addEventListener("click", () => deck.choose(i));
    const heard = element("span", { class: "ldm-heard" });
    play.append(element("kbd", { "aria-hidden": "true" }, keys[i]), heard);
    return { play, heard, label, drawn: "play" };
  });
  const root = element("div", { class: "ldm-sounds", role: "group", "aria-label": "Sounds" });
  root.append(...cards.map(({ play }) => play));
  const follow = () =>
    cards.forEach((card, i) => {
      const { play, heard, label } = card;
      const on = deck.transport.playing && i === deck.transport.active;
      const name = on ? "pause" : "play";
      if (card.drawn !== name) play.querySelector("svg").replaceWith(icon((card.drawn = name)));
      if (cards.length === 1) play.querySelector("span").textContent = on ? "Pause" : "Play";
      play.setAttribute("aria-pressed", String(on));
      const done = deck.share(i) >= 1;
      play.setAttribute("aria-label", `${on ? "Pause" : "Play"} ${label}${done ? ", heard" : ""}`);
      play.classList.toggle("ldm-chosen", cards.length > 1 && i === deck.transport.active);
      play.classList.toggle("ldm-done", done);
      heard.style.width = `${100 * deck.share(i)}%`;
    });
  return { root, follow };
}

/** Loop, and the part that is looped, as numbers. */
function loopFields(deck) {
  const loop = button({ icon: "loop", label: "Loop", title: "Loop (L)", pressed: deck.transport.loop });
  loop.addEventListener("click", () => deck.transport.setLoop(!deck.transport.loop));
  const [from, to] = ["Part from (s)", "to (s)"].map((label) =>
    field({ label, type: "number", min: 0, step: 0.1, onchange: () => retype() }),
  );
  const retype = () =>
    deck.setPart([Number(from.input.value), Number(to.input.value) || deck.transport.duration]);
  const whole = button({ icon: "close", label: "Whole sound", title: "Play the whole sound again" });
  whole.addEventListener("click", () => deck.setPart(null));
  const hint = element("span", { class: "ldm-small" }, "or drag over the bar");
  const root = element("div", { class: "ldm-loops" }, loop, from.root, to.root, hint, whole);
  const follow = () => {
    const ends = deck.part ?? [0, deck.transport.duration];
    [from, to].forEach(({ input }, i) => {
      if (document.activeElement !== input) input.value = Number(ends[i].toFixed(2));
    });
    loop.setAttribute("aria-pressed", String(deck.transport.loop));
    whole.hidden = !deck.part;
    hint.hidden = Boolean(deck.part);
  };
  return { root, follow };
}

/** Buttons, place, loop and part of a trial. `follow()` shows what the deck does. */
export function deckControls(deck, keys) {
  const sounds = soundButtons(deck, keys);
  const loops = deck.sounds.length > 1 ? loopFields(deck) : null;
  const head = element("div", { class: "ldm-now" });
  const part = element("div", { class: "ldm-part" });
  const strip = element("div", { class: "ldm-strip", role: "slider", tabindex: "0" }, part, head);
  strip.setAttribute("aria-label", "Place in the sound");
  strip.setAttribute("aria-valuemin", "0");
  stripActions(strip, deck);
  const root = element("div", { class: "ldm-deck" }, sounds.root, strip, ...(loops ? [loops.root] : []));
  const follow = () => {
    const { duration, position } = deck.transport;
    const [start, end] = deck.part ?? [0, duration];
    const percent = (time) => `${(100 * time) / (duration || 1)}%`;
    sounds.follow();
    loops?.follow();
    head.style.left = percent(position);
    Object.assign(part.style, { left: percent(start), width: percent(end - start) });
    part.hidden = !deck.part;
    strip.setAttribute("aria-valuemax", duration.toFixed(2));
    strip.setAttribute("aria-valuenow", position.toFixed(2));
    strip.setAttribute("aria-valuetext", `${position.toFixed(1)} of ${duration.toFixed(1)} seconds`);
  };
  follow();
  return { root, follow };
}

/** Mouse and keys of the place strip: click to jump, drag a part to loop. */
function stripActions(strip, deck) {
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
  strip.addEventListener("pointercancel", () => (from = null));
  strip.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: 0.1, ArrowUp: 0.1, ArrowLeft: -0.1, ArrowDown: -0.1 };
    Object.assign(moves, { PageUp: 1, PageDown: -1 });
    const places = { Home: 0, End: deck.transport.duration };
    if (!(event.key in moves) && !(event.key in places)) return;
    deck.transport.seek(places[event.key] ?? deck.transport.position + moves[event.key]);
    event.preventDefault();
    event.stopPropagation();
  });
}
