// Colours for numbers of either sign: blue below zero, white at zero, red above, as in signed.py.

const SIGNED = { blue: [33, 102, 172], white: [247, 247, 247], red: [178, 24, 43] };

/** Colour of a share in [-1, 1]. */
export function signedColour(share) {
  const end = share < 0 ? SIGNED.blue : SIGNED.red;
  const part = Math.min(1, Math.abs(share));
  return SIGNED.white.map((from, i) => Math.round(from + (end[i] - from) * part));
}

/** Paint shares (time x rows, low row first) into `canvas`, one pixel a cell, low rows at the bottom. */
export function paintSigned(canvas, shares, rows) {
  const frames = shares.length / rows;
  const image = new ImageData(frames, rows);
  for (let t = 0; t < frames; t++)
    for (let row = 0; row < rows; row++)
      image.data.set([...signedColour(shares[t * rows + row]), 255], 4 * ((rows - 1 - row) * frames + t));
  Object.assign(canvas, { width: frames, height: rows });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
