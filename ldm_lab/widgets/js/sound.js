// Sound in the browser: int16 bytes -> Web Audio. All versions of a sound start together and one of them is audible, so
// that switching between them never jumps. No imports, no network, no `data:` audio.

const FADE = 0.008; // seconds of gain ramp when versions switch: no click

/** int16 little-endian bytes (any buffer view) -> Float32Array in [-1, 1). */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = new Float32Array(view.byteLength >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
  return samples;
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
export function schedule(context, versions, rate, { when = 0, offset = 0, loop = false, active = 0 } = {}) {
  const length = Math.max(1, ...versions.map((samples) => samples.length)); // alike, so that loops stay in step
  return versions.map((samples, i) => {
    const buffer = context.createBuffer(1, length, rate);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = buffer;
    source.loop = loop;
    gain.gain.value = i === active ? 1 : 0;
    source.connect(gain).connect(context.destination);
    source.start(when, Math.min(offset, buffer.duration));
    return { source, gain };
  });
}

/** Play, pause, seek, loop and switch. Knows no page; `onchange` is called when it stops or starts. */
export class Transport {
  constructor({ onchange = () => {}, context = sharedContext } = {}) {
    Object.assign(this, { onchange, openContext: context, versions: [], rate: 16000, nodes: [], playing: false });
    Object.assign(this, { offset: 0, loop: false, active: 0, startedAt: 0, context: null });
  }

  load(versions, rate, offset = 0) {
    this.pause();
    Object.assign(this, { versions, rate });
    this.offset = Math.min(offset, this.duration);
    this.onchange();
  }

  get duration() {
    return Math.max(0, ...this.versions.map((samples) => samples.length)) / this.rate;
  }

  /** Seconds into the sound as it leaves the loudspeaker. */
  get position() {
    if (!this.playing) return Math.min(this.offset, this.duration);
    const latency = this.context.outputLatency || 0;
    const elapsed = Math.max(0, this.context.currentTime - latency - this.startedAt);
    const at = this.offset + elapsed;
    return this.loop && this.duration ? at % this.duration : Math.min(at, this.duration);
  }

  async play() {
    if (this.playing || !this.duration) return;
    const shared = (this.context = this.openContext(this.rate));
    this.playing = true; // before the first await, so that a second key press pauses instead of starting twice
    if (this.offset >= this.duration - 0.01) this.offset = 0;
    const ticket = (this.ticket = {});
    if (shared.state === "suspended") await shared.resume();
    if (this.ticket !== ticket || !this.playing) return;
    globalThis.__ldmLab?.playing?.pause();
    if (globalThis.__ldmLab) globalThis.__ldmLab.playing = this;
    this.start();
    this.onchange();
  }

  start() {
    const { loop, active, offset } = this;
    this.startedAt = this.context.currentTime;
    this.nodes = schedule(this.context, this.versions, this.rate, { when: this.startedAt, offset, loop, active });
    const nodes = this.nodes;
    nodes[0].source.onended = () => {
      if (this.nodes === nodes) this.stopAt(this.duration);
    };
  }

  stopAt(seconds) {
    const nodes = this.nodes;
    this.nodes = [];
    for (const { source, gain } of nodes) {
      source.onended = null;
      source.stop();
      source.disconnect();
      gain.disconnect();
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
    this.stopAt(target);
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
    this.nodes.forEach(({ gain }, i) =>
      gain.gain.setTargetAtTime(i === this.active ? 1 : 0, this.context.currentTime, FADE / 3),
    );
    this.onchange();
  }
}

