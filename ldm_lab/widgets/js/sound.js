// Sound in the browser: int16 bytes -> Web Audio. All versions of a sound start together and one of them is audible, so
// that switching between them never jumps. No imports, no network, no `data:` audio.

const FADE = 0.008; // seconds of gain ramp when versions switch: no click
const BAND_SECONDS = 0.032; // half the length of the band-pass filter; sounds.py has the same numbers
const EDGE_SECONDS = 0.005; // fade at the ends of a boxed part

/** int16 little-endian bytes (any buffer view) -> Float32Array in [-1, 1). */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = new Float32Array(view.byteLength >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
  return samples;
}

/** Taps of the band-pass: the difference of two ideal low-passes under a Hann window. */
export function bandKernel(low, high, rate) {
  const half = Math.round(BAND_SECONDS * rate);
  const edge = (hz, n) => (n ? Math.sin((2 * Math.PI * hz * n) / rate) / (Math.PI * n) : (2 * hz) / rate);
  const upper = (n) => (high < rate / 2 ? edge(high, n) : Number(n === 0)); // no edge at half the sample rate
  return Float32Array.from({ length: 2 * half + 1 }, (_, i) => {
    const n = i - half;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * n) / (half + 1));
    return (upper(n) - (low > 0 ? edge(low, n) : 0)) * window;
  });
}

/** The part of `samples` in a box [start, end, low, high] (s, Hz): band-passed, cut, faded at its ends. A promise. */
export async function boxed(samples, rate, [start, end, low, high]) {
  const [first, last] = [start, end].map((s) => Math.min(samples.length, Math.max(0, Math.round(s * rate))));
  if (last <= first) return new Float32Array(1);
  let part = samples.slice(first, last);
  if (low > 0 || high < rate / 2) {
    const kernel = bandKernel(low, high, rate);
    const half = (kernel.length - 1) / 2;
    const from = Math.max(0, first - half); // the filter looks so far to both sides
    const context = new OfflineAudioContext(1, last + half - from, rate);
    const [sound, taps] = [samples.slice(from, last + half), kernel].map((values) => {
      const buffer = context.createBuffer(1, values.length, rate);
      buffer.copyToChannel(values, 0);
      return buffer;
    });
    const source = new AudioBufferSourceNode(context, { buffer: sound });
    const filter = new ConvolverNode(context, { disableNormalization: true, buffer: taps });
    source.connect(filter).connect(context.destination);
    source.start();
    part = (await context.startRendering()).getChannelData(0).slice(first - from + half, last - from + half);
  }
  const fade = Math.min(Math.round(EDGE_SECONDS * rate), part.length >> 1);
  for (let i = 0; i < fade; i++) {
    part[i] *= (i + 0.5) / fade;
    part[part.length - 1 - i] *= (i + 0.5) / fade;
  }
  return part;
}

/** One AudioContext a page and sample rate, shared by all players; made at the first sound (browsers ask for a gesture). */
function sharedContext(rate) {
  const shared = (globalThis.__ldmLab ??= { contexts: new Map(), playing: null });
  if (!shared.contexts.has(rate)) {
    let context;
    try {
      context = new AudioContext({ sampleRate: rate }); // the device's own resampler is better than Web Audio's
    } catch {
      context = new AudioContext();
    }
    shared.contexts.set(rate, context);
  }
  return shared.contexts.get(rate);
}

/** Start all `versions` (Float32Array) at `when`, from `offset` seconds; returns their nodes. Works offline too. */
export function schedule(context, versions, rate, { when = 0, offset = 0, loop = false, active = 0, gains = [] } = {}) {
  const length = Math.max(1, ...versions.map((samples) => samples.length)); // alike, so that loops stay in step
  return versions.map((samples, i) => {
    const buffer = context.createBuffer(1, length, rate);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = buffer;
    source.loop = loop;
    gain.gain.value = i === active ? (gains[i] ?? 1) : 0;
    source.connect(gain).connect(context.destination);
    source.start(when, Math.min(offset, buffer.duration));
    return { source, gain };
  });
}

/**
 * Play, pause, seek, loop and switch. Knows no page; `onchange` is called when it stops or starts.
 * What sounds are the `clips`: the whole versions, or their parts in a box, which begin at `origin` seconds.
 */
export class Transport {
  constructor({ onchange = () => {}, context = sharedContext } = {}) {
    Object.assign(this, { onchange, openContext: context, versions: [], rate: 16000, nodes: [], playing: false });
    Object.assign(this, { offset: 0, loop: false, active: 0, startedAt: 0, context: null, gains: [] });
    Object.assign(this, { clips: [], origin: 0, box: null, ticket: null });
  }

  /** Replace all versions. With `keep` the place stays, and what was playing goes on with the new sound. */
  load(versions, rate, offset = 0, { keep = false } = {}) {
    const [playing, box] = [this.playing, this.box];
    const at = this.place(0); // what was sent to the loudspeaker already is not sent again
    this.pause();
    Object.assign(this, { versions, rate, clips: versions, origin: 0, box: null });
    this.active = Math.min(this.active, Math.max(0, versions.length - 1));
    this.offset = Math.min(keep ? at : offset, this.duration);
    if (keep && box) this.setBox(box, { play: playing });
    else if (keep && playing) this.play();
    this.onchange();
  }

  get duration() {
    return Math.max(0, ...this.versions.map((samples) => samples.length)) / this.rate;
  }

  /** First and last second of what sounds: of the box, or of everything. */
  get span() {
    const length = Math.max(0, ...this.clips.map((samples) => samples.length)) / this.rate;
    return [this.origin, this.origin + length];
  }

  /** Seconds into the sound as it leaves the loudspeaker. */
  get position() {
    return this.place(this.context?.outputLatency || 0);
  }

  place(latency) {
    if (!this.playing || !this.nodes.length) return Math.min(this.offset, this.duration); // not begun: no clock yet
    const elapsed = Math.max(0, this.context.currentTime - latency - this.startedAt);
    const [start, end] = this.span;
    const at = this.offset + elapsed;
    return this.loop && end > start ? start + ((at - start) % (end - start)) : Math.min(at, end);
  }

  async play() {
    if (this.playing || !this.duration) return;
    const shared = (this.context = this.openContext(this.rate));
    this.playing = true; // before the first await, so that a second key press pauses instead of starting twice
    const [start, end] = this.span;
    if (this.offset >= end - 0.01 || this.offset < start) this.offset = start;
    const ticket = (this.ticket = {});
    if (shared.state === "suspended") await shared.resume();
    if (this.ticket !== ticket || !this.playing) return;
    globalThis.__ldmLab?.playing?.pause();
    if (globalThis.__ldmLab) globalThis.__ldmLab.playing = this;
    this.start();
    this.onchange();
  }

  start() {
    const { loop, active, gains } = this;
    const offset = this.offset - this.origin;
    this.startedAt = this.context.currentTime;
    this.nodes = schedule(this.context, this.clips, this.rate, { when: this.startedAt, offset, loop, active, gains });
    const nodes = this.nodes;
    if (offset > 0) {
      const gain = nodes[active].gain.gain; // from the middle of a sound: fade in
      gain.setValueAtTime(0, this.startedAt);
      gain.linearRampToValueAtTime(gains[active] ?? 1, this.startedAt + FADE);
    }
    nodes[0].source.onended = () => {
      if (this.nodes === nodes) this.stopAt(this.span[1]);
    };
  }

  stopAt(seconds) {
    const nodes = this.nodes;
    this.nodes = [];
    const now = this.context?.currentTime;
    for (const { source, gain } of nodes) {
      gain.gain.setTargetAtTime(0, now, FADE / 3);
      source.onended = () => gain.disconnect();
      source.stop(now + 2 * FADE);
    }
    this.offset = seconds;
    this.playing = false;
    if (globalThis.__ldmLab?.playing === this) globalThis.__ldmLab.playing = null;
    this.onchange();
  }

  pause() {
    if (this.playing) this.stopAt(this.position);
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  seek(seconds) {
    const target = Math.min(Math.max(0, seconds), this.duration);
    if (!this.playing || !this.nodes.length) {
      this.offset = target;
      this.onchange();
      return;
    }
    this.stopAt(Math.min(Math.max(target, this.span[0]), this.span[1]));
    this.playing = true;
    if (globalThis.__ldmLab) globalThis.__ldmLab.playing = this;
    this.start();
    this.onchange();
  }

  setLoop(loop) {
    if (loop === this.loop) return;
    const at = this.position; // before the flag changes what "position" means
    this.loop = loop;
    if (this.playing) this.seek(at);
    else this.onchange();
  }

  setActive(index) {
    this.active = Math.min(Math.max(0, index), Math.max(0, this.versions.length - 1));
    this.ramp();
    this.onchange();
  }

  /** Gain of each version (level matching), heard when it is the active one. */
  setGains(gains) {
    this.gains = gains;
    this.ramp();
  }

  ramp() {
    this.nodes.forEach(({ gain }, i) => {
      const target = i === this.active ? (this.gains[i] ?? 1) : 0;
      gain.gain.setTargetAtTime(target, this.context.currentTime, FADE / 3);
    });
  }

  /** Play only a box [start, end, low, high], or everything again (null). A promise: the filter takes a moment. */
  async setBox(box, { play = this.playing } = {}) {
    this.pause();
    this.box = box;
    const versions = this.versions;
    const clips = box ? await Promise.all(versions.map((samples) => boxed(samples, this.rate, box))) : versions;
    if (this.box !== box || this.versions !== versions) return; // a newer box or sound
    play ||= this.playing; // started while the filter worked
    this.pause();
    Object.assign(this, { clips, origin: box ? box[0] : 0 });
    if (box && (this.offset < box[0] || this.offset > box[1])) this.offset = box[0];
    if (play) await this.play();
    this.onchange();
  }
}
