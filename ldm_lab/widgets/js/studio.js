// Studio: tasks and fields come from Python (trait `spec`); the shelf keeps every sound, the panel compares up to four.

import { panel } from "./panel.js";
import {
  ask, button, complain, element, field, handOver, onModel, radios, range, showView, statusLine,
  takeDown, write,
} from "./ui.js";

const MAX_SHOWN = 4;

/** A labelled choice; "" is the model's own. */
function choice({ label, options, usual, onchange }) {
  const select = element("select", { onchange: () => onchange(select.value) });
  select.append(...options.map((name) => element("option", { value: name }, name || `usual (${usual})`)));
  return { root: element("label", { class: "ldm-field" }, label, select), input: select };
}

/** One field of the form; `get`s give null for what is empty. */
function studioField(name, { label, type, more, options, ...limits }, usual, onchange) {
  const placeholder = usual === undefined ? undefined : String(usual); // what an empty field means
  const number = (text) => (text === "" ? null : Number(text));
  if (type === "range") {
    const made = range({ label, ...limits, value: 0.5, format: (v) => v.toFixed(2), onchange });
    return { ...made, more, set: (value) => made.set(value ?? 0.5) };
  }
  const listen = (text) => onchange(type === "number" ? number(text) : text);
  const made =
    type === "select"
      ? choice({ label, options, usual, onchange: (value) => onchange(value || null) })
      : field({ label, type, placeholder, oninput: listen, ...limits });
  if (name === "prompt" || name === "negative") made.root.classList.add("ldm-wide");
  const set = (value) => {
    if (document.activeElement !== made.input) made.input.value = value ?? "";
  };
  return { ...made, more, set };
}

class StudioView {
  constructor(model) {
    const spec = model.get("spec");
    Object.assign(this, { model, spec, busy: false });
    const hint = "Drag a box over what is to be inpainted or heard alone.";
    this.player = panel(model, { playBox: false, hearBox: false, hint });
    this.status = statusLine(model);
    this.tasks = radios({
      label: "Task",
      options: spec.tasks.map(({ label }) => label),
      onchoose: (i) => this.fill({ task: spec.tasks[i].name }),
    });
    this.tasks.root.hidden = spec.tasks.length < 2;
    this.about = element("p", { class: "ldm-about" });
    this.fields = Object.fromEntries(
      Object.entries(spec.fields).map(([name, about]) => [
        name,
        studioField(name, about, spec.usual[name], (value) => this.fill({ [name]: value })),
      ]),
    );
    this.fields.prompt.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) this.run();
    });
    this.go = button({ label: "Generate", className: "ldm-main", onclick: () => this.run() });
    this.build();
    this.follow();
    this.list();
    this.off = onModel(model, {
      "change:form": () => this.follow(),
      "change:shelf": () => this.list(),
      "change:shown": () => this.list(),
      "change:active": () => this.list(),
      "change:title": () => this.root.setAttribute("aria-label", model.get("title")),
    });
  }

  build() {
    const { fields, spec, model } = this;
    const dice = button({ label: "New seed", title: "Another random seed", onclick: () => this.throwDice() });
    const part = (more) => Object.values(fields).filter((one) => Boolean(one.more) === more).map(({ root }) => root);
    fields.seed.root.append(dice);
    const { prompt } = fields;
    const examples = spec.examples.map((text) => button({ label: text, onclick: () => this.fill({ prompt: text }) }));
    const file = element("input", { type: "file", accept: "audio/*", onchange: () => this.upload(file) });
    this.file = element("label", { class: "ldm-field" }, "Bring a sound file", file);
    this.file.hidden = !spec.tasks.some(({ sound }) => sound);
    const ending = element("select", {}, ...spec.endings.map((name) => element("option", { value: name }, name.slice(1))));
    this.ending = ending;
    const all = button({ icon: "save", label: "Download all (ZIP)", onclick: () => this.download("zip", {}) });
    this.rows = element("ul", { class: "ldm-shelf", "aria-label": "Shelf: sounds made so far" });
    this.shelf = element(
      "section",
      { class: "ldm-shelf-box", "aria-label": "Shelf" },
      element("h3", {}, "Shelf"),
      this.rows,
      element("div", { class: "ldm-controls" }, element("label", { class: "ldm-field" }, "Format", ending), all),
    );
    const basic = part(false).filter((node) => node !== prompt.root);
    this.root = element(
      "div",
      { class: "ldm-widget ldm-studio", role: "group", "aria-label": model.get("title"), "data-lm-suppress-shortcuts": "true" },
      this.tasks.root,
      this.about,
      element("div", { class: "ldm-controls" }, prompt.root, this.go),
      element("details", {}, element("summary", {}, "Examples"), element("div", { class: "ldm-controls" }, ...examples)),
      element("div", { class: "ldm-controls" }, ...basic, this.file),
      element("details", {}, element("summary", {}, "More options"), element("div", { class: "ldm-controls" }, ...part(true))),
      this.status,
      this.player.root,
      this.shelf,
    );
  }

  get task() {
    return this.spec.tasks.find(({ name }) => name === this.model.get("form").task) ?? this.spec.tasks[0];
  }

  fill(values) {
    write(this.model, { form: { ...this.model.get("form"), ...values } });
    this.follow();
  }

  throwDice() {
    this.fill({ seed: Math.floor(Math.random() * 1e6) });
    this.fields.seed.input.value = this.model.get("form").seed;
  }

  /** The form as the model has it. */
  follow() {
    const form = this.model.get("form");
    const { task, fields } = this;
    this.tasks.choose(this.spec.tasks.indexOf(task));
    this.about.textContent = task.about;
    this.go.lastChild.textContent = task.label;
    for (const [name, one] of Object.entries(fields)) {
      one.set(form[name]);
      one.root.hidden = !task.fields.includes(name);
    }
  }

  async call(name, values) {
    if (this.busy) return;
    this.busy = true;
    this.go.disabled = true;
    try {
      return await ask(this.model, name, values);
    } catch (error) {
      complain(this.model, error);
    } finally {
      this.busy = false;
      this.go.disabled = false;
    }
  }

  run() {
    const { model } = this;
    return this.call("run", { form: model.get("form"), box: model.get("box"), active: model.get("active") });
  }

  async upload(input) {
    const [chosen] = input.files;
    if (!chosen) return;
    await this.call("add", { name: chosen.name, data: await chosen.arrayBuffer() });
    input.value = "";
  }

  async download(what, values) {
    const reply = await this.call(what, { ...values, ending: this.ending.value });
    if (reply) handOver(reply.name, reply.data);
  }

  // --- the shelf ------------------------------------------------------------------------------------------------------

  list() {
    const rows = this.model.get("shelf");
    const focused = document.activeElement?.dataset?.key;
    this.shelf.hidden = !rows.length;
    this.rows.replaceChildren(...rows.map((row) => this.row(row)));
    if (focused) this.rows.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  row({ id, name, made, seconds }) {
    const shown = this.model.get("shown");
    const heard = shown[Math.min(this.model.get("active"), shown.length - 1)] === id;
    const show = element("button", { type: "button", class: "ldm-name", "data-key": `show-${id}`, "aria-pressed": String(heard) });
    show.append(element("strong", {}, `${id} · ${name}`), element("small", {}, `${made}, ${seconds.toFixed(2)} s`));
    show.addEventListener("click", () => this.hear(id));
    const tick = element("input", { type: "checkbox", "data-key": `compare-${id}`, "aria-label": `Compare sound ${id}` });
    tick.checked = shown.includes(id);
    tick.disabled = tick.checked ? shown.length < 2 : shown.length >= MAX_SHOWN;
    tick.addEventListener("change", () => this.compare(id, tick.checked));
    const save = button({ icon: "save", title: `Download sound ${id}`, onclick: () => this.download("file", { number: id }) });
    const drop = button({ icon: "close", title: `Remove sound ${id}`, onclick: () => this.call("remove", { number: id }) });
    return element("li", {}, show, element("label", { class: "ldm-field" }, tick, "compare"), save, drop);
  }

  hear(id) {
    const shown = this.model.get("shown");
    if (shown.includes(id)) this.player.choose(shown.indexOf(id));
    else this.call("choose", { numbers: [id] });
  }

  compare(id, wanted) {
    const shown = this.model.get("shown");
    const hear = shown[this.model.get("active")] ?? null;
    this.call("choose", { numbers: wanted ? [...shown, id] : shown.filter((other) => other !== id), hear });
  }

  destroy() {
    takeDown(this);
  }
}

export default showView((model) => new StudioView(model));
