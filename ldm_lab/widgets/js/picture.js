// A log-mel picture with its axes on a canvas.

const RAMP = // matplotlib's magma at 17 even stops, six hexadecimal digits each
  "0000040a08221d114736106b51127c6a1c818326819c2e7fb73779d0416fe75263f56b5cfc8961fea772fec488fde2a3fcfdbf";
const MARGIN = { left: 46, right: 10, top: 6, bottom: 30 }; // CSS pixels around the plot, room for the axes

const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const stops = RAMP.length / 6 - 1;
  const at = (level / 255) * stops;
  const low = Math.min(Math.floor(at), stops - 1);
  return [0, 2, 4].map((channel) => {
    const [a, b] = [low, low + 1].map((i) => parseInt(RAMP.slice(6 * i + channel, 6 * i + channel + 2), 16));
    return Math.round(a + (b - a) * (at - low));
  });
});

/** uint8 mel (frames x bands, low band first) -> a canvas of one pixel a cell, high bands on top. */
export function paint(mel, bands) {
  const levels = new Uint8Array(mel.buffer, mel.byteOffset, mel.byteLength);
  const frames = Math.max(1, Math.floor(levels.length / bands));
  const image = new ImageData(frames, bands);
  for (let t = 0; t < frames; t++)
    for (let band = 0; band < bands; band++) {
      const colour = COLOURS[levels[t * bands + band] ?? 0];
      image.data.set([...colour, 255], 4 * ((bands - 1 - band) * frames + t));
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

export const clock = (seconds) => `${seconds.toFixed(2)} s`;
const hertz = (hz) => (hz >= 1000 ? `${hz / 1000}k` : `${hz}`);

/** Draw picture and axes into `canvas`; returns the plot box in CSS pixels. `ink` is the theme's text colour. */
export function draw(canvas, { picture, seconds, duration, centres, ink }) {
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
  if (picture) pen.drawImage(picture, box.x, box.y, (box.width * seconds) / (duration || 1), box.height);
  Object.assign(pen, { fillStyle: ink, strokeStyle: ink, lineWidth: 1, font: "11px system-ui, sans-serif" });
  pen.textAlign = "center";
  pen.textBaseline = "top";
  const times = ticks(duration, Math.max(2, box.width / 70));
  times.forEach((time, i) => {
    const x = box.x + (box.width * time) / (duration || 1);
    pen.fillRect(x - 0.5, box.y + box.height, 1, 4);
    pen.fillText(i ? `${time}` : "0", x, box.y + box.height + 6);
  });
  pen.textAlign = "right";
  pen.fillText("seconds", box.x + box.width, box.y + box.height + 18);
  pen.textBaseline = "middle";
  for (const hz of [250, 500, 1000, 2000, 4000].filter((f) => f < centres[centres.length - 1])) {
    const y = box.y + box.height * (1 - (bandOf(hz, centres) + 0.5) / centres.length);
    pen.fillRect(box.x - 4, y - 0.5, 4, 1);
    pen.fillText(hertz(hz), box.x - 7, y);
  }
  pen.textAlign = "left";
  pen.fillText("Hz", 2, box.y + 7);
  return box;
}

