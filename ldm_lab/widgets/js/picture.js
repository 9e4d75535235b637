// A log-mel picture with its axes on a canvas.

const RAMP = // matplotlib's magma at 17 even stops, six hexadecimal digits each
  "0000040a08221d114736106b51127c6a1c818326819c2e7fb73779d0416fe75263f56b5cfc8961fea772fec488fde2a3fcfdbf";
const MARGIN = { left: 46, right: 10, top: 6, bottom: 30 }; // CSS pixels around the plot, room for the axes

// One 32-bit pixel (alpha, blue, green, red) for each of the 256 levels.
const COLOURS = Uint32Array.from({ length: 256 }, (_, level) => {
  const stops = RAMP.length / 6 - 1;
  const at = (level / 255) * stops;
  const low = Math.min(Math.floor(at), stops - 1);
  const channel = (offset) => {
    const [a, b] = [low, low + 1].map((i) => parseInt(RAMP.slice(6 * i + offset, 6 * i + offset + 2), 16));
    return Math.round(a + (b - a) * (at - low));
  };
  return ((255 << 24) | (channel(4) << 16) | (channel(2) << 8) | channel(0)) >>> 0;
});

/** uint8 mel (frames x bands, low band first) -> a canvas of one pixel a cell, high bands on top. */
export function paint(mel, bands) {
  const levels = new Uint8Array(mel.buffer, mel.byteOffset, mel.byteLength);
  const frames = Math.max(1, Math.floor(levels.length / bands));
  const image = new ImageData(frames, bands);
  const pixels = new Uint32Array(image.data.buffer);
  for (let band = 0; band < bands; band++) {
    const row = (bands - 1 - band) * frames;
    for (let t = 0; t < frames; t++) pixels[row + t] = COLOURS[levels[t * bands + band] ?? 0];
  }
  const canvas = document.createElement("canvas");
  canvas.width = frames;
  canvas.height = bands;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Round tick values: at most `most` of them in [0, top]. */
export function ticks(top, most) {
  const raw = top / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  return Array.from({ length: Math.floor(top / step + 1e-6) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** Where the frequency `hz` lies among the band centres: 0 = middle of the lowest band. */
export function bandOf(hz, centres) {
  const above = centres.findIndex((centre) => centre >= hz);
  if (above < 0) return centres.length - 1;
  if (above === 0) return 0;
  return above - 1 + (hz - centres[above - 1]) / (centres[above] - centres[above - 1]);
}

/** Height in the picture, in bands from its lower edge, of a frequency; `hertzAt` is the reverse. */
export function rowOf(hz, centres, top) {
  const [rows, hertz] = knots(centres, top);
  return interpolate(hz, hertz, rows);
}

export function hertzAt(row, centres, top) {
  const [rows, hertz] = knots(centres, top);
  return interpolate(row, rows, hertz);
}

// The picture's lower edge is 0 Hz and its upper edge `top`, half the sample rate; each band's centre lies between.
const knots = (centres, top) => [
  [0, ...centres.map((_, band) => band + 0.5), centres.length],
  [0, ...centres.map((hz) => Math.min(Math.max(hz, 1e-3), top - 1e-3)), top],
];

function interpolate(x, from, to) {
  const above = from.findIndex((value) => value >= x);
  if (above < 0) return to[to.length - 1];
  if (above === 0) return to[0];
  const share = (x - from[above - 1]) / (from[above] - from[above - 1]);
  return to[above - 1] + share * (to[above] - to[above - 1]);
}

export const clock = (seconds) => `${seconds.toFixed(2)} s`;
const hertz = (hz) => (hz >= 1000 ? `${hz / 1000}k` : `${hz}`);

/**
 * Draw picture and axes into `canvas`; returns the plot box in CSS pixels. `picture` covers `seconds` from 0 and all bands;
 * `view` {start, end (s), bottom, top (bands)} is the part that is shown; `ink` the theme's text colour.
 */
export function draw(canvas, { picture, seconds, view, centres, rate, ink }) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const box = { x: MARGIN.left, y: MARGIN.top };
  box.width = Math.max(1, width - MARGIN.left - MARGIN.right);
  box.height = Math.max(1, height - MARGIN.top - MARGIN.bottom);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.fillStyle = "#000004";
  pen.fillRect(box.x, box.y, box.width, box.height);
  const length = view.end - view.start || 1;
  const shown = Math.min(view.end, seconds) - view.start;
  if (picture && shown > 0) {
    const [perSecond, bands] = [picture.width / seconds, view.top - view.bottom];
    const source = [view.start * perSecond, picture.height - view.top, shown * perSecond, bands];
    pen.drawImage(picture, ...source, box.x, box.y, (box.width * shown) / length, box.height);
  }
  Object.assign(pen, { fillStyle: ink, strokeStyle: ink, lineWidth: 1, font: "11px system-ui, sans-serif" });
  drawTimes(pen, box, view);
  drawHertz(pen, box, view, centres, rate);
  return box;
}

function drawTimes(pen, box, view) {
  const length = view.end - view.start;
  pen.textAlign = "center";
  pen.textBaseline = "top";
  const step = ticks(length, Math.max(2, box.width / 70))[1] ?? length;
  for (let i = Math.ceil(view.start / step - 1e-6); i * step <= view.end + 1e-6 && length > 0; i++) {
    const x = box.x + (box.width * (i * step - view.start)) / length;
    pen.fillRect(x - 0.5, box.y + box.height, 1, 4);
    pen.fillText(`${Number((i * step).toPrecision(6))}`, x, box.y + box.height + 6);
  }
  pen.textAlign = "right";
  pen.fillText("seconds", box.x + box.width, box.y + box.height + 18);
}

function drawHertz(pen, box, view, centres, rate) {
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const row = (hz) => rowOf(hz, centres, rate / 2);
  const y = (hz) => box.y + (box.height * (view.top - row(hz))) / (view.top - view.bottom);
  const [low, high] = [view.bottom, view.top].map((edge) => hertzAt(edge, centres, rate / 2));
  const close = high - low < rate / 6; // zoomed in: round steps; else octaves
  const marks = close
    ? ticks(high, (5 * high) / Math.max(1, high - low)).filter((hz) => hz > low)
    : [250, 500, 1000, 2000, 4000, 8000];
  for (const hz of marks.filter((f) => f > low && f < Math.min(high, centres[centres.length - 1]))) {
    if (y(hz) < box.y + 14) continue; // "Hz" stands there
    pen.fillRect(box.x - 4, y(hz) - 0.5, 4, 1);
    pen.fillText(hertz(hz), box.x - 7, y(hz));
  }
  pen.textAlign = "left";
  pen.fillText("Hz", 2, box.y + 7);
}
