// The picture of a sound with its playhead: seek, box, zoom, read-out. Draws what it is told and reports what was done.

import { bandOf, draw, hertzAt, rowOf } from "./picture.js";
import { element } from "./ui.js";

const DRAG = 4; // pixels of movement that make a click a drag
const SHORTEST = 0.05; // seconds in view at most zoom
const RANGE_DB = (9 * 20) / Math.LN10; // picture.RANGE in dB: level 0 is so far below level 255

export class Stage {
  constructor({ boxes = true, onseek, onbox, onread }) {
    Object.assign(this, { boxes, onseek, onbox, onread, duration: 0, picture: null, seconds: 0, cells: null });
    Object.assign(this, { centres: [], rate: 16000, view: null, plot: null, position: 0, box: null, band: null });
    this.canvas = element("canvas", { role: "img" });
    this.head = element("div", { class: "ldm-head" });
    this.line = element("div", { class: "ldm-line", hidden: true });
    this.area = element("div", { class: "ldm-area", hidden: true });
    this.marks = element("div", { class: "ldm-marks" });
    this.slider = element("div", { class: "ldm-slider", role: "slider", tabindex: "0", "aria-label": "Position" });
    this.slider.append(this.marks, this.area, this.line, this.head);
    this.root = element("div", { class: "ldm-stage" }, this.canvas, this.slider);
    this.slider.addEventListener("pointerdown", (event) => this.press(event));
    this.slider.addEventListener("pointermove", (event) => this.hover(event));
    this.slider.addEventListener("pointerleave", () => this.read(null));
    this.slider.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** picture: canvas of one pixel a cell; cells: its uint8 levels; `centres` Hz of each band; `duration` of all versions. */
  show({ picture, cells, seconds, duration, centres, rate }) {
    const anew = duration !== this.duration || centres.length !== this.centres.length || !this.view;
    Object.assign(this, { picture, cells, seconds, duration, centres, rate });
    if (anew) this.view = this.whole;
    this.redraw();
  }

  get whole() {
    return { start: 0, end: this.duration, bottom: 0, top: this.centres.length };
  }

  redraw() {
    if (!this.canvas.clientWidth || !this.view) return;
    const ink = getComputedStyle(this.root).color;
    const { picture, seconds, view, centres, rate } = this;
    this.plot = draw(this.canvas, { picture, seconds, view, centres, rate, ink });
    const { x, y, width, height } = this.plot;
    Object.assign(this.slider.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    this.place();
    this.outline(this.outlined ?? []);
  }

  /** Left, top, width and height in pixels of a box [start, end, low, high] in s and Hz. */
  toPixels([start, end, low, high]) {
    const { view, plot, centres, rate } = this;
    const x = (s) => ((s - view.start) / (view.end - view.start || 1)) * plot.width;
    const y = (hz) => ((view.top - rowOf(hz, centres, rate / 2)) / (view.top - view.bottom)) * plot.height;
    return { left: x(start), top: y(high), width: x(end) - x(start), height: y(low) - y(high) };
  }

  /** Seconds and hertz at a point of the plot, both kept inside the sound. */
  toSound(x, y) {
    const { view, plot, centres, rate } = this;
    const seconds = view.start + (x / plot.width) * (view.end - view.start);
    const row = view.top - (y / plot.height) * (view.top - view.bottom);
    const inside = Math.min(Math.max(row, 0), centres.length);
    return { seconds: Math.min(Math.max(seconds, 0), this.duration), hz: hertzAt(inside, centres, rate / 2) };
  }

  put(node, box) {
    const place = this.toPixels(box);
    for (const [name, value] of Object.entries(place)) node.style[name] = `${value}px`;
  }

  /** Playhead, box and read-out line, where they belong in this view. */
  place() {
    if (!this.plot) return;
    const { view, plot, position } = this;
    const x = (plot.width * (position - view.start)) / (view.end - view.start || 1);
    this.head.style.transform = `translateX(${x}px)`;
    this.area.hidden = !this.box;
    if (this.box) this.put(this.area, this.box);
    this.line.hidden = this.band === null;
    if (this.band !== null)
      this.line.style.top = `${((view.top - this.band - 0.5) / (view.top - view.bottom)) * plot.height}px`;
  }

  setPosition(seconds, { follow = false } = {}) {
    this.position = seconds;
    const { view, duration } = this;
    const width = view ? view.end - view.start : 0;
    if (follow && view && width < duration - 1e-9 && (seconds < view.start || seconds > view.end)) {
      const start = Math.min(Math.max(0, seconds - 0.1 * width), duration - width);
      this.view = { ...view, start, end: start + width };
      this.redraw();
    } else this.place();
  }

  setBox(box) {
    this.box = box;
    this.place();
  }

  /** Dashed outlines of further boxes, each with words for a tooltip: [{box, words}]. */
  outline(items) {
    this.outlined = items;
    this.marks.replaceChildren(
      ...items.map(({ box, words }) => {
        const node = element("div", { class: "ldm-outline", title: words ?? null });
        if (this.plot) this.put(node, box);
        return node;
      }),
    );
  }

  // --- zoom ---------------------------------------------------------------------------------------------------------

  /** Show `factor` times as much time, keeping the second `around` where it is. */
  zoom(factor, around = this.position) {
    const { view, duration } = this;
    if (!view || !duration) return;
    const width = Math.min(duration, Math.max(Math.min(SHORTEST, duration), (view.end - view.start) * factor));
    const centre = Math.min(Math.max(around, view.start), view.end);
    const share = (centre - view.start) / (view.end - view.start || 1);
    this.look(centre - share * width, width);
    if (width === duration) this.view = this.whole;
    this.redraw();
  }

  look(from, width) {
    const start = Math.min(Math.max(0, from), this.duration - width);
    this.view = { ...this.view, start, end: start + width };
  }

  zoomTo([start, end, low, high]) {
    const { duration, centres, rate } = this;
    const margin = 0.05 * (end - start);
    const width = Math.min(duration, Math.max(SHORTEST, end - start + 2 * margin));
    this.look(start - margin, width);
    const [bottom, top] = [low, high].map((hz) => rowOf(hz, centres, rate / 2));
    this.view.bottom = Math.max(0, Math.min(bottom, top - 2) - 1);
    this.view.top = Math.min(centres.length, Math.max(top, bottom + 2) + 1);
    this.redraw();
  }

  zoomOut() {
    this.view = this.whole;
    this.redraw();
  }

  get zoomed() {
    const { view, whole } = this;
    return Boolean(view) && Object.keys(whole).some((name) => Math.abs(view[name] - whole[name]) > 1e-9);
  }

  wheel(event) {
    const along = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.toSound(event.offsetX, 0).seconds);
    } else if (this.zoomed && along) {
      const width = this.view.end - this.view.start;
      this.look(this.view.start + (along / this.plot.width) * width, width);
      this.redraw();
    } else return;
    event.preventDefault();
  }

  // --- pointer and read-out -----------------------------------------------------------------------------------------

  at(event) {
    const place = this.slider.getBoundingClientRect();
    const inside = (value, size) => Math.min(Math.max(0, value), size);
    return [inside(event.clientX - place.left, place.width), inside(event.clientY - place.top, place.height)];
  }

  press(event) {
    if (event.button !== 0 || !this.plot) return;
    const begin = this.at(event);
    let dragged = false;
    this.slider.setPointerCapture(event.pointerId);
    this.slider.focus({ preventScroll: true });
    const move = (moved) => {
      const [x, y] = this.at(moved);
      dragged ||= this.boxes && Math.hypot(x - begin[0], y - begin[1]) > DRAG;
      if (dragged) this.setBox(this.between(begin, [x, y]));
    };
    const done = (ended) => {
      ["pointermove", "pointerup", "pointercancel"].forEach((name, i) =>
        this.slider.removeEventListener(name, i ? done : move),
      );
      if (ended.type === "pointercancel") return this.onbox(null, {});
      if (dragged) return this.onbox(this.box, { dragged: true });
      const { seconds, hz } = this.toSound(...begin);
      const [start, end, low, high] = this.box ?? [];
      if (this.box && !(seconds >= start && seconds <= end && hz >= low && hz <= high)) this.onbox(null, {});
      this.onseek(seconds);
    };
    this.slider.addEventListener("pointermove", move);
    this.slider.addEventListener("pointerup", done);
    this.slider.addEventListener("pointercancel", done);
  }

  /** The box between two points of the plot; an edge within 6 pixels of the picture's edge is the picture's edge. */
  between([x0, y0], [x1, y1]) {
    const { plot } = this;
    const snap = (value, size) => (value < 6 ? 0 : value > size - 6 ? size : value);
    const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
    const [upper, lower] = [snap(Math.min(y0, y1), plot.height), snap(Math.max(y0, y1), plot.height)];
    const [a, b] = [this.toSound(snap(left, plot.width), lower), this.toSound(snap(right, plot.width), upper)];
    const end = Math.min(this.duration, Math.max(b.seconds, a.seconds + 0.02));
    return [Math.min(a.seconds, end - 0.02), end, a.hz, Math.max(b.hz, a.hz + 20)].map((v) => Number(v.toFixed(4)));
  }

  hover(event) {
    if (this.plot) this.read(this.toSound(...this.at(event)));
  }

  /** Tell the level in dB below the loudest cell at {seconds, hz}; null: the pointer has left. */
  read(point) {
    if (!point || !this.cells) return this.onread(null);
    const bands = this.centres.length;
    const frames = Math.floor(this.cells.byteLength / bands);
    const frame = Math.min(frames - 1, Math.floor((point.seconds / (this.seconds || 1)) * frames));
    const band = Math.min(bands - 1, Math.floor(rowOf(point.hz, this.centres, this.rate / 2)));
    const level = new DataView(this.cells.buffer, this.cells.byteOffset).getUint8(frame * bands + band);
    this.onread({ ...point, db: (level / 255 - 1) * RANGE_DB, floor: level === 0 });
  }

  /** Move the read-out line by so many bands (keyboard); it appears at the first call. */
  step(bands) {
    const start = this.band ?? Math.round(bandOf(1000, this.centres)) - bands;
    this.band = Math.min(this.centres.length - 1, Math.max(0, start + bands));
    this.place();
    this.read({ seconds: this.position, hz: hertzAt(this.band + 0.5, this.centres, this.rate / 2) });
  }
}
