// LatentMixer: a strip for each latent channel; what a fader does is decoded by Python and heard at once.

import { newest } from "./newest.js";
import { panel } from "./panel.js";
import { paintSigned } from "./signed.js";
import {
  ask, button, complain, element, onModel, range, showView, statusLine, takeDown, watchLook,
} from "./ui.js";

const MIX = 2; // number of the version that the faders change
const STRIP_WIDTH = 39; // pixels, at least
const MIXES_KEPT = 40; // in the page, 100 kB each for 2.56 s
const MIXER_HELP =
  "A muted channel is filled with zeros, the middle of its values over many sounds: that is not silence. " +
  "The latent is scaled as the UNet sees it. %: share of the latent's energy. Measure tells in dB how much " +
  "the log-mel changes when a channel alone is muted. Keys on a fader: S solo, M mute, R (or a double click) " +
  "back to 1, [ and ] solo the channel before and after, space plays.";

/** The gain of each channel after mute and solo. */
export function appliedGains(gains, muted, solo) {
  return gains.map((gain, i) => (muted.includes(i) || (solo.length && !solo.includes(i)) ? 0 : gain));
}

/** The channel to solo next: from none to the first or last one, and behind the ends none. */
export function nextSolo(solo, step, count) {
  const place = solo.length === 1 ? solo[0] : step < 0 ? count : -1;
  const after = place + step;
  return after >= 0 && after < count ? [after] : [];
}

const toggled = (list, i) =>
  list.includes(i) ? list.filter((j) => j !== i) : [...list, i].sort((a, b) => a - b);

/** One channel strip: name, picture, fader, solo, mute, energy. */
function channelStrip(channel, { energy, cells }, rows, { ongain, onsolo, onmute }) {
  const canvas = element("canvas", { role: "img" });
  const fader = range({
    label: String(channel),
    max: 2,
    step: 0.05,
    value: 1,
    format: (gain) => gain.toFixed(2),
    oninput: (gain) => ongain(channel, gain),
  });
  fader.input.setAttribute("aria-label", `Gain of channel ${channel}`);
  fader.root.querySelector("label").after(canvas);
  fader.input.addEventListener("dblclick", () => ongain(channel, 1));
  const onoff = (word, key, className, act) => {
    const title = `${word} channel ${channel} (${key})`;
    const node = button({ label: key, title, pressed: false, className });
    node.addEventListener("click", () => act(channel));
    node.setAttribute("aria-label", `${word} channel ${channel}`);
    return node;
  };
  const [solo, mute] = [onoff("Solo", "S", "ldm-solo", onsolo), onoff("Mute", "M", "ldm-mute", onmute)];
  const share = element("span", { class: "ldm-energy", title: "Share of the latent's energy" });
  share.append(`${(100 * energy).toFixed(energy < 0.0995 ? 1 : 0)} %`);
  const loss = element("span", { class: "ldm-loss", hidden: true });
  loss.title = "Change of the log-mel if this channel alone is muted";
  const keys = element("span", { class: "ldm-keys" }, solo, mute);
  const name = `Channel ${channel}, ${share.textContent} of the energy`;
  const root = element("div", { class: "ldm-strip", role: "group", "aria-label": name });
  root.append(fader.root, keys, share, loss);
  const bytes = new Int8Array(cells.buffer, cells.byteOffset, cells.byteLength);
  const values = Float32Array.from(bytes, (value) => value / 127);
  let painted = null;
  const show = ({ gain, heard, soloed, muted }) => {
    fader.set(gain);
    solo.setAttribute("aria-pressed", String(soloed));
    mute.setAttribute("aria-pressed", String(muted));
    root.classList.toggle("ldm-off", heard === 0);
    const how = heard || !gain ? `times ${gain.toFixed(2)}` : "not heard, zeros in its place";
    canvas.setAttribute("aria-label", `Channel ${channel}, ${how}: time to the right, frequency upwards`);
    if (gain !== painted) paintSigned(canvas, values.map((value) => value * gain), rows);
    painted = gain;
  };
  const tell = (decibels) => {
    loss.hidden = decibels === undefined;
    loss.textContent = decibels === undefined ? "" : `${decibels.toFixed(decibels < 9.95 ? 1 : 0)} dB`;
  };
  return { root, input: fader.input, show, tell };
}

class Mixer {
  constructor(model) {
    Object.assign(this, { model, known: new Map(), told: "", own: false, gone: false });
    this.player = panel(model, {});
    this.read();
    const { applied } = model.get("sound");
    this.heard = JSON.stringify([applied, model.get("match")]);
    this.known.set(this.heard, this.packed(model.get("sound")));
    this.send = newest(() => this.mix());
    const acts = {
      ongain: (i, gain) => this.change({ gains: this.gains.map((old, j) => (j === i ? gain : old)) }),
      onsolo: (i) => this.change({ solo: toggled(this.solo, i) }),
      onmute: (i) => this.change({ muted: toggled(this.muted, i) }),
    };
    const rows = model.get("rows");
    this.strips = model.get("strips").map((strip, i) => channelStrip(i, strip, rows, acts));
    this.board = element("div", { class: "ldm-strips", role: "group", "aria-label": "Channels" });
    this.board.append(...this.strips.map(({ root }) => root));
    this.status = statusLine(model);
    const help = element("p", { class: "ldm-hint ldm-help" }, MIXER_HELP);
    const kept = { class: "ldm-widget ldm-mixer", role: "group", "data-lm-suppress-shortcuts": "true" };
    const parts = [this.player.root, this.controls(), this.status, this.board, help];
    this.root = element("div", { ...kept, "aria-label": "Latent mixer" }, ...parts);
    this.root.addEventListener("keydown", (event) => this.key(event));
    const adopt = () => this.adopt();
    const unwatch = watchLook(this.board, () => this.layOut());
    const off = onModel(model, {
      "change:gains": adopt,
      "change:muted": adopt,
      "change:solo": adopt,
      "change:match": () => this.send(),
      "change:losses": () => this.tell(),
    });
    this.off = () => (off(), unwatch());
    this.show();
    this.tell();
    const now = appliedGains(this.gains, this.muted, this.solo);
    if (JSON.stringify(now) !== JSON.stringify(applied)) this.send(); // Python has moved faders since
  }

  controls() {
    const count = this.gains.length;
    const none = () => this.change({ muted: this.gains.map((_, i) => i), solo: [] });
    const reset = () => this.change({ gains: this.gains.map(() => 1), muted: [], solo: [] });
    this.keep = range({
      label: "Only the strongest",
      min: 1,
      max: count,
      value: count,
      format: (k) => `${k} of ${count}`,
      oninput: (k) => this.change({ muted: this.weakest(k), solo: [] }),
    });
    this.ask = button({
      label: "Measure",
      title: "What does muting each channel change?",
      onclick: () => ask(this.model, "measure").catch(() => {}),
    });
    return element(
      "div",
      { class: "ldm-controls" },
      button({ icon: "undo", label: "Reset", onclick: reset }),
      button({ label: "All off", title: "Mute every channel", onclick: none }),
      button({ label: "\u2039 Solo", title: "Solo the channel before ([)", onclick: () => this.step(-1) }),
      button({ label: "Solo \u203a", title: "Solo the next channel (])", onclick: () => this.step(1) }),
      this.keep.root,
      this.ask,
    );
  }

  // --- gains, mute, solo --------------------------------------------------------------------------

  /** Take what the model has. */
  read() {
    for (const name of ["gains", "muted", "solo"]) this[name] = [...this.model.get(name)];
  }

  /** Python changed them; what it was told by this page is none of its changes. */
  adopt() {
    const { model } = this;
    const now = JSON.stringify(["gains", "muted", "solo"].map((name) => model.get(name)));
    if (now === this.told) return;
    this.told = now;
    this.own = false;
    this.read();
    this.show();
    this.send();
  }

  change(values) {
    Object.assign(this, values, { own: true });
    this.show();
    if (this.model.get("active") !== MIX) this.player.choose(MIX); // hear what the hand does
    this.send();
  }

  step(by) {
    this.change({ solo: nextSolo(this.solo, by, this.gains.length) });
    const [channel] = this.solo;
    if (channel !== undefined) this.strips[channel].input.focus({ preventScroll: true });
  }

  /** Rows of equal length, as few as the width allows. */
  layOut() {
    const count = this.strips.length;
    const across = Math.max(1, Math.min(count, Math.floor(this.board.clientWidth / STRIP_WIDTH)));
    const columns = Math.ceil(count / Math.ceil(count / across));
    this.board.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  }

  /** All channels but the `k` ones with the most energy. */
  weakest(k) {
    const energy = this.model.get("strips").map((strip) => strip.energy);
    const order = energy.map((_, i) => i).sort((a, b) => energy[b] - energy[a] || a - b);
    return order.slice(k).sort((a, b) => a - b);
  }

  show() {
    const { gains, muted, solo } = this;
    const applied = appliedGains(gains, muted, solo);
    this.strips.forEach((strip, i) =>
      strip.show({ gain: gains[i], heard: applied[i], soloed: solo.includes(i), muted: muted.includes(i) }),
    );
    const left = Math.max(1, gains.length - muted.length);
    const strongest = !solo.length && JSON.stringify(this.weakest(left)) === JSON.stringify(muted);
    if (strongest) this.keep.input.value = left;
    const words = strongest ? `${left} of ${gains.length}` : "another choice";
    this.keep.output.textContent = strongest ? words : "\u2013";
    this.keep.input.setAttribute("aria-valuetext", words);
  }

  tell() {
    const losses = this.model.get("losses");
    this.strips.forEach((strip, i) => strip.tell(losses[i]));
    this.ask.disabled = losses.length > 0;
  }

  // --- sound --------------------------------------------------------------------------------------

  /** What the panel needs of a sound's mix: its version, and the gains of all versions. */
  packed({ versions }) {
    return { mix: versions[MIX], gains: versions.map(({ gain }) => gain) };
  }

  /**
   * Tell Python the gains and hear their mix, from the page's memory if it has been heard before. They travel with the
   * request: a front end may hold changed traits back, so that they would arrive after it. What Python set itself is not
   * told back: it may have been set again since.
   */
  async mix() {
    const { model, known, own } = this;
    const values = { gains: this.gains, muted: this.muted, solo: this.solo };
    const match = model.get("match");
    let key = JSON.stringify([appliedGains(...Object.values(values)), match]);
    if (own) this.told = JSON.stringify(Object.values(values));
    if (known.has(key)) this.hear(key);
    try {
      const reply = await ask(model, "mix", { ...(own ? values : {}), match, known: known.has(key) });
      if (reply.applied) key = JSON.stringify([reply.applied, match]);
      if (!known.has(key)) known.set(key, reply);
    } catch (error) {
      return complain(model, error);
    }
    this.hear(key);
    if (known.size > MIXES_KEPT) known.delete(known.keys().next().value);
  }

  hear(key) {
    if (this.gone || key === this.heard) return;
    this.heard = key;
    const { mix, gains } = this.known.get(key);
    const sound = this.model.get("sound");
    const versions = [...sound.versions.slice(0, MIX), mix];
    const levelled = versions.map((version, i) => ({ ...version, gain: gains[i] }));
    this.player.load({ ...sound, versions: levelled }, { keep: true });
  }

  // --- keyboard -----------------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "number") return;
    const channel = this.strips.findIndex(({ root }) => root.contains(event.target));
    const here = {
      s: () => this.change({ solo: toggled(this.solo, channel) }),
      m: () => this.change({ muted: toggled(this.muted, channel) }),
      r: () => this.change({ gains: this.gains.map((gain, i) => (i === channel ? 1 : gain)) }),
      " ": () => this.player.toggle(),
    };
    const anywhere = { "[": () => this.step(-1), "]": () => this.step(1) };
    const onButton = event.target.tagName === "BUTTON" && event.key === " ";
    const act = anywhere[event.key] ?? (channel < 0 || onButton ? null : here[event.key.toLowerCase()]);
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  destroy() {
    takeDown(this);
  }
}

export default showView((model) => new Mixer(model));
