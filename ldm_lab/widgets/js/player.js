// SpectrogramPlayer, front end: a log-mel picture that plays.
//
// Model (set by player.py): versions [{label, transcript, pcm (int16 bytes), mel (uint8 bytes, frames x
// bands)}], active,
// sample_rate, frame_seconds, band_hz (centre of each band), title, height, loop, position; it writes back
// position, playing, loop and active.

import { Transport, decode } from "./sound.js";
import { clock, draw, paint } from "./picture.js";

const SECONDS_KEY = 0.1; // an arrow key moves this far
const SECONDS_PAGE = 1;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  loop: "M1 8V4.5h9.5v-2.5l4 3.3-4 3.3V6.2H2.7V8zM15 8v3.5H5.5v2.5l-4-3.3 4-3.3v2.4h7.8V8z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The elements of one player, without behaviour. */
function build() {
  const play = element("button", { type: "button", class: "ldm-play" });
  const loop = element("button", { type: "button", class: "ldm-loop", "aria-label": "Loop", title: "Loop (L)" });
  loop.append(icon("loop"));
  const title = element("span", { class: "ldm-title" });
  const versions = element("span", { class: "ldm-versions", role: "radiogroup", "aria-label": "Version" });
  const time = element("span", { class: "ldm-time" });
  const canvas = element("canvas", { role: "img" });
  const head = element("div", { class: "ldm-head" });
  const slider = element("div", { class: "ldm-slider", role: "slider", tabindex: "0", "aria-label": "Position" }, head);
  const stage = element("div", { class: "ldm-stage" }, canvas, slider);
  const transcript = element("p", { class: "ldm-transcript", "aria-live": "polite" });
  const bar = element("div", { class: "ldm-bar" }, play, loop, versions, title, time);
  // The attribute keeps JupyterLab's own shortcuts away from keys pressed inside the player.
  const root = element("div", { class: "ldm-player", role: "group", "data-lm-suppress-shortcuts": "true" });
  root.append(bar, stage, transcript);
  return { root, play, loop, title, versions, time, canvas, head, slider, stage, transcript };
}

/** Keys of the position slider: returns the new position, "toggle", "loop", or null for keys that are not ours. */
export function keyAction(key, position, duration) {
  const moves = { ArrowRight: SECONDS_KEY, ArrowUp: SECONDS_KEY, ArrowLeft: -SECONDS_KEY, ArrowDown: -SECONDS_KEY };
  Object.assign(moves, { PageUp: SECONDS_PAGE, PageDown: -SECONDS_PAGE });
  if (key in moves) return position + moves[key];
  if (key === "Home") return 0;
  if (key === "End") return duration;
  if (key === " " || key === "Enter") return "toggle";
  return key === "l" || key === "L" ? "loop" : null;
}

function render({ model, el }) {
  const ui = build();
  const transport = new Transport({ onchange: refresh });
  let pictures = [];
  let box = null;
  let frame = 0;
  el.append(ui.root);

  function load() {
    const versions = model.get("versions") ?? [];
    const bands = model.get("band_hz").length;
    pictures = versions.map(({ mel }) => ({
      image: paint(mel, bands),
      seconds: (mel.byteLength / bands) * model.get("frame_seconds"),
    }));
    transport.loop = model.get("loop");
    const sounds = versions.map(({ pcm }) => decode(pcm));
    transport.load(sounds, model.get("sample_rate"), model.get("position"));
    transport.setActive(model.get("active"));
    offer();
    words();
    redraw();
  }

  /** What is written: the title once, and the transcript of the version that is heard. */
  function words() {
    const versions = model.get("versions") ?? [];
    const title = model.get("title");
    const said = versions[transport.active]?.transcript ?? "";
    ui.root.setAttribute("aria-label", title ? `Sound: ${title}` : "Sound");
    ui.canvas.setAttribute("aria-label", `Log-mel spectrogram, ${clock(transport.duration)}. ${said}`);
    ui.title.textContent = title;
    ui.transcript.textContent = said;
    [...ui.versions.children].forEach((button, i) => {
      button.setAttribute("aria-checked", String(i === transport.active));
      button.tabIndex = i === transport.active ? 0 : -1;
    });
  }

  function offer() {
    const labels = (model.get("versions") ?? []).map(({ label }) => label);
    const buttons = (labels.length < 2 ? [] : labels).map((label, i) => {
      const button = element("button", { type: "button", role: "radio" }, label);
      button.addEventListener("click", () => choose(i));
      return button;
    });
    ui.versions.replaceChildren(...buttons);
    ui.versions.hidden = !buttons.length;
  }

  function choose(index) {
    transport.setActive(index);
    write({ active: transport.active });
    words();
    redraw();
  }

  function redraw() {
    if (!ui.canvas.clientWidth) return;
    ui.stage.style.height = `${model.get("height")}px`;
    const picture = pictures[transport.active];
    box = draw(ui.canvas, {
      picture: picture?.image,
      seconds: picture?.seconds ?? 0,
      duration: transport.duration,
      centres: model.get("band_hz"),
      ink: getComputedStyle(ui.root).color,
    });
    Object.assign(ui.slider.style, { left: `${box.x}px`, top: `${box.y}px` });
    Object.assign(ui.slider.style, { width: `${box.width}px`, height: `${box.height}px` });
    tick();
  }

  function tick() {
    const { position, duration } = transport;
    const x = box ? (box.width * position) / (duration || 1) : 0;
    ui.head.style.transform = `translateX(${x}px)`;
    ui.time.textContent = `${position.toFixed(2)} / ${clock(duration)}`;
    ui.slider.setAttribute("aria-valuenow", position.toFixed(2));
  }

  function animate() {
    tick();
    frame = transport.playing ? requestAnimationFrame(animate) : 0;
  }

  function write(changes) {
    const changed = Object.entries(changes).filter(([name, value]) => model.get(name) !== value);
    changed.forEach(([name, value]) => model.set(name, value));
    if (changed.length) model.save_changes();
  }

  function refresh() {
    const { playing, duration } = transport;
    ui.play.replaceChildren(icon(playing ? "pause" : "play"));
    ui.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    ui.play.title = playing ? "Pause (space)" : "Play (space)";
    ui.play.disabled = !duration;
    ui.loop.setAttribute("aria-pressed", String(transport.loop));
    ui.slider.setAttribute("aria-valuemin", "0");
    ui.slider.setAttribute("aria-valuemax", duration.toFixed(2));
    ui.slider.setAttribute("aria-valuetext", `${clock(transport.position)} of ${clock(duration)}`);
    if (playing && !frame) animate();
    tick();
    write({ playing, loop: transport.loop, ...(playing ? {} : { position: transport.position }) });
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (ui.versions.contains(event.target) && step) {
      const count = ui.versions.children.length;
      choose((transport.active + step + count) % count);
      ui.versions.children[transport.active].focus();
    } else {
      const onButton = event.target.closest?.("button") && (event.key === " " || event.key === "Enter");
      const action = onButton ? null : keyAction(event.key, transport.position, transport.duration);
      if (action === null) return;
      if (action === "toggle") transport.toggle();
      else if (action === "loop") transport.setLoop(!transport.loop);
      else transport.seek(action);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function onPointer(event) {
    if (event.button !== 0 || !box) return;
    const at = event.clientX - ui.slider.getBoundingClientRect().left;
    transport.seek((at / box.width) * transport.duration);
    ui.slider.focus({ preventScroll: true });
  }

  ui.play.addEventListener("click", () => transport.toggle());
  ui.loop.addEventListener("click", () => transport.setLoop(!transport.loop));
  ui.root.addEventListener("keydown", onKey);
  ui.slider.addEventListener("pointerdown", onPointer);

  const listeners = {
    "change:versions": load,
    "change:title": words,
    "change:height": redraw,
    "change:loop": () => transport.setLoop(model.get("loop")),
    "change:active": () => model.get("active") !== transport.active && choose(model.get("active")),
    "change:position": () => {
      if (!transport.playing && Math.abs(model.get("position") - transport.position) > 1e-6)
        transport.seek(model.get("position"));
    },
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  const sizes = new ResizeObserver(redraw);
  sizes.observe(ui.root);
  const themes = new MutationObserver(redraw); // JupyterLab changes attributes of <body> when the theme changes
  themes.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-theme"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", redraw);
  load();

  return () => {
    transport.pause();
    cancelAnimationFrame(frame);
    sizes.disconnect();
    themes.disconnect();
    scheme.removeEventListener("change", redraw);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
    ui.root.remove();
  };
}

export default { render };
