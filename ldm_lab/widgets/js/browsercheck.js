// BrowserCheck: that this runs is the first finding; then Python's answer, the sound engine, the listener's ears.

import { panel } from "./panel.js";
import { ask, button, element, onModel, showView, write } from "./ui.js";

const PYTHON_PATIENCE = 10_000; // ms
const ENGINE_PATIENCE = 600; // ms after Play until the sound must have moved on

/** The browser's name in a word, for whoever is asked for help. */
function browserName() {
  const agent = navigator.userAgent;
  const names = [/Firefox\/\d+/, /Edg\/\d+/, /OPR\/\d+/, /Chrome\/\d+/, /Version\/\d+.*Safari/];
  const found = names.map((name) => agent.match(name)?.[0]).find(Boolean) ?? "this browser";
  return found.includes("Safari") ? found.replace(/Version\/(\d+).*/, "Safari $1") : found.replace("/", " ");
}

function browserCheck(model) {
  const player = panel(model, { boxes: false });
  const findings = ["Widgets run in this page.", "", "", ""].map((words) => element("li", {}, words));
  const list = element("div", { role: "status" }, element("ul", {}, ...findings));
  const note = (changes) => write(model, { page: { ...model.get("page"), ...changes } });
  const timers = [];
  const later = (act, delay) => timers.push(setTimeout(act, delay));
  let gone = false;

  const start = performance.now();
  const answered = (ms) => {
    if (gone) return;
    note({ name: browserName(), answer_ms: ms });
    findings[1].textContent = ms >= 0 ? `Python answers: ${ms} ms.` : "Python does not answer. Is it busy?";
  };
  findings[1].textContent = "Waiting for Python ...";
  later(() => findings[1].textContent.startsWith("Waiting") && answered(-1), PYTHON_PATIENCE);
  ask(model, "hello").then(
    () => answered(Math.round(performance.now() - start)),
    () => answered(-1),
  );

  const engine = () => {
    const { audio, audio_rate: rate } = model.get("page");
    const stuck = "The browser holds the sound back. Click into the page and press play again.";
    const words = { runs: `The sound engine runs at ${rate} Hz.`, stuck };
    findings[2].textContent = words[audio] ?? "Press play, and count the strokes.";
  };
  const tried = () => {
    if (!model.get("playing")) return;
    later(() => {
      const { transport } = player;
      const runs = transport.context?.state === "running" && (transport.position > 0 || !transport.playing);
      note({ audio: runs ? "runs" : "stuck", audio_rate: transport.context?.sampleRate ?? 0 });
      engine();
    }, ENGINE_PATIENCE);
  };

  const choices = model.get("options").map((word) =>
    button({ label: word, pressed: false, onclick: () => (write(model, { heard: word }), heard()) }),
  );
  const heard = () => {
    const said = model.get("heard");
    choices.forEach((node, i) => node.setAttribute("aria-pressed", String(model.get("options")[i] === said)));
    const wrong = `You heard ${said}; there are three. Look at the volume, the loudspeaker, the tab's mute.`;
    findings[3].textContent = said === "three" ? "Three strokes: right." : said && wrong;
    findings[3].hidden = !said;
  };
  const question = element("span", { id: `ldm-heard-${Math.random().toString(36).slice(2, 8)}` }, "Strokes heard:");
  const group = element("div", { class: "ldm-controls", role: "group", "aria-labelledby": question.id });
  group.append(question, ...choices);

  engine();
  heard();
  const off = onModel(model, { "change:playing": tried, "change:heard": heard });
  const root = element("div", { class: "ldm-widget ldm-browser-check" }, player.root, group, list);
  const destroy = () => {
    gone = true;
    timers.forEach(clearTimeout);
    off();
    player.destroy();
    root.remove();
  };
  return { root, destroy };
}

export default showView(browserCheck);
