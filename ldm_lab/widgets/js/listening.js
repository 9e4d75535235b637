// ListeningTest: consent, level check, trials, thanks. The page knows sounds by their letters only.

import { Deck, deckControls } from "./deck.js";
import { ratingPanel } from "./rating.js";
import { revealTable } from "./reveal.js";
import { consentPage, endPage, levelPage, paragraph, question } from "./testpages.js";
import { ask, button, element, handOver, onModel, showView, statusLine, takeDown, write } from "./ui.js";

const LEVEL_HEARD = 1; // seconds of noise that must have been played before the first trial
const PATIENCE = 8000; // ms until the listener is told that Python does not answer
const LATE = "Python does not answer yet. Is the notebook running, or busy with another cell?";
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

/** Which key plays which sound: 0 is the reference, 1 2 3 ... are the others in their order. */
function soundKeys(sounds) {
  const first = sounds[0]?.label === "Reference" ? 0 : 1;
  return sounds.map((_, i) => String(i + first));
}

class Listening {
  constructor(model) {
    Object.assign(this, { model, replies: new Map(), frame: 0, shown: "" });
    Object.assign(this, { busy: false, inside: false }); // inside: the listener asked for the next page
    this.deck = new Deck(() => this.follow());
    this.view = element("div", { class: "ldm-view" });
    this.status = statusLine(model);
    this.root = element("div", { class: "ldm-widget ldm-test", role: "group" });
    // The attribute keeps JupyterLab's own shortcuts away from keys pressed inside.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root.setAttribute("aria-label", `Listening test: ${model.get("title")}`);
    this.root.append(this.view, this.status);
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    const again = () => queueMicrotask(() => this.show()); // after all traits of one message have arrived
    const anew = () => this.busy || ((this.shown = ""), this.replies.clear(), again()); // Python answered
    this.off = onModel(model, { "change:page": again, "change:trial": again, "change:state": anew });
    this.show();
  }

  say(words, wrong = false) {
    write(this.model, { status: words, wrong });
  }

  /** Carry out a request; what goes wrong is said, and the page stays as it is. */
  async doing(work) {
    if (this.busy) return;
    this.busy = this.inside = true;
    this.say("");
    this.late = setTimeout(() => this.say(LATE, true), PATIENCE);
    try {
      await work();
    } catch (error) {
      this.say(error.message, true);
    }
    clearTimeout(this.late);
    if (this.model.get("status") === LATE) this.say("");
    this.busy = false;
  }

  /** Save the answer of the trial that is shown, if it is whole and new. */
  async keep() {
    const { trial, rating } = this;
    const value = trial && rating.isOpen() ? rating.value() : null;
    if (value === null || JSON.stringify(value) === JSON.stringify(trial.answer?.value)) return;
    await ask(this.model, "answer", { number: trial.number, value });
    trial.answer = { value };
  }

  go(number) {
    this.inside = true;
    write(this.model, { trial: number, page: "trial" });
  }

  /** Show the page that the traits name. */
  async show() {
    const [page, number] = [this.model.get("page"), this.model.get("trial")];
    const name = page === "trial" ? `trial ${number}` : page;
    if (name === this.shown || this.gone) return;
    this.shown = name;
    this.deck.transport.pause();
    Object.assign(this, { trial: null, controls: null, rating: null, level: null });
    if (page === "trial") {
      try {
        const trial = await this.fetchTrial(number);
        if (this.shown !== name || this.gone) return; // the listener has gone on
        this.showTrial(trial);
      } catch (error) {
        this.shown = "";
        this.say(error.message, true);
        return;
      }
    } else {
      const views = { consent: () => this.consent(), level: () => this.checkLevel(), end: () => this.end() };
      this.view.replaceChildren(...views[page]());
    }
    if (this.inside) this.view.querySelector(".ldm-question")?.focus({ preventScroll: true });
    this.inside = false;
  }

  fetchTrial(number) {
    for (const known of this.replies.keys()) if (Math.abs(known - number) > 1) this.replies.delete(known);
    if (!this.replies.has(number)) {
      const reply = ask(this.model, "trial", { number });
      this.replies.set(number, reply);
      reply.catch(() => this.replies.delete(number));
    }
    return this.replies.get(number);
  }

  // --- pages ---

  consent() {
    const start = (listener) => this.doing(() => ask(this.model, "start", { listener }));
    return consentPage(this.model, start);
  }

  checkLevel() {
    const { nodes, ...level } = levelPage(this.model);
    level.play.addEventListener("click", () => this.doing(() => this.playLevel()));
    level.start.addEventListener("click", () => this.next());
    this.level = level;
    return nodes;
  }

  async playLevel() {
    if (!this.deck.sounds.some(({ label }) => label === "noise")) {
      const { pcm, sample_rate: rate } = await ask(this.model, "level");
      if (!this.level) return;
      this.deck.load([{ label: "noise", pcm }], rate, { loop: true });
    }
    this.deck.transport.toggle();
  }

  showTrial(trial) {
    const { number, of, kind } = trial;
    const several = trial.sounds.length > 1;
    this.trial = trial;
    this.deck.load(trial.sounds, trial.sample_rate, { loop: several });
    this.rating = ratingPanel(trial, () => this.follow());
    const keys = soundKeys(trial.sounds);
    this.controls = deckControls(this.deck, keys);
    this.rule = paragraph("", { class: "ldm-small ldm-rule" });
    this.further = button({ label: number < of ? "Next" : "Finish", className: "ldm-main" });
    this.further.addEventListener("click", () => this.next());
    const back = button({ label: "Back" });
    const stop = button({ label: "Stop here" });
    const leave = (go) => this.doing(async () => (await this.keep(), go()));
    back.addEventListener("click", () => leave(() => this.go(number - 1)));
    stop.addEventListener("click", () => leave(() => write(this.model, { page: "end" })));
    back.disabled = number === 1;
    const { title, how } = this.model.get("about").kinds.find((entry) => entry.kind === kind);
    const bar = element("progress", { max: of, value: number - 1, "aria-label": "Trials done" });
    const place = element("span", { class: "ldm-place" }, `${number} of ${of}`);
    const plays = several ? `${keys[0]} to ${keys[keys.length - 1]} play a sound` : "1 plays";
    const moves = trial.anchors.length ? "move the slider" : "choose";
    const hint = `Keys: ${plays}, space pauses, arrows ${moves}, Enter goes on.`;
    this.view.replaceChildren(
      element("div", { class: "ldm-top" }, element("span", {}, title), bar, place),
      question(trial.question),
      ...(trial.prompt ? [element("blockquote", {}, trial.prompt)] : []),
      paragraph(how, { class: "ldm-small" }),
      this.controls.root,
      this.rule,
      this.rating.root,
      element("div", { class: "ldm-nav" }, back, stop, this.further),
      paragraph(hint, { class: "ldm-small ldm-keys" }),
    );
    this.follow();
    if (number < of) this.fetchTrial(number + 1).catch(() => {}); // said when the trial is shown
  }

  end() {
    const { nodes, save, on, reveal, answers, tables } = endPage(this.model);
    save.addEventListener("click", () => this.doing(() => this.download()));
    on.addEventListener("click", () => this.goOn());
    reveal.addEventListener("click", () => this.doing(() => this.reveal()));
    Object.assign(this, { answers, tables });
    return nodes;
  }

  async download() {
    const { name, text } = await ask(this.model, "file");
    handOver(name, text, "application/json");
    this.say(`${name} is handed over.`);
  }

  async reveal() {
    const found = await ask(this.model, "reveal");
    this.tables.replaceChildren(...found.map(revealTable));
    for (const node of [...this.answers.children]) if (!node.querySelector("svg")) node.remove();
    this.tables.querySelector("[tabindex]")?.focus();
  }

  // --- what the listener does ---

  goOn() {
    this.say("");
    this.go(this.model.get("state").next || this.model.get("trial"));
  }

  /** Enter, and the main button: on to what comes next, or words about what is missing. */
  next() {
    if (this.level) {
      if (this.deck.sounds[0]?.label !== "noise" || this.deck.heard[0] < LEVEL_HEARD)
        return this.say("Play the noise first, and set the volume.", true);
      this.say("");
      return this.go(this.model.get("trial"));
    }
    if (!this.trial) return undefined;
    if (!this.rating.isOpen()) return this.say(`Listen first. ${this.rule.textContent}`, true);
    if (this.rating.value() === null) return this.say(this.rating.missing(), true);
    const { number, of } = this.trial;
    return this.doing(async () => {
      await this.keep();
      const { next } = this.model.get("state");
      if (number < of) this.go(number + 1);
      else if (next) this.go(next);
      else write(this.model, { page: "end" });
    });
  }

  /** Show what the deck does; answers open when every sound was heard. */
  follow() {
    const { playing } = this.deck.transport;
    this.deck.count();
    if (this.level) this.followLevel(playing);
    if (this.trial && this.controls) {
      const missing = this.deck.missing();
      const open = Boolean(this.trial.answer) || !missing.length;
      const words = open ? "Listen again as often as you like." : this.toHear(missing);
      if (this.rule.textContent !== words) this.rule.textContent = words;
      if (open && !this.rating.isOpen()) {
        this.rating.open(true);
        if (!this.trial.answer) this.say("All heard: now answer.");
      }
      this.further.classList.toggle("ldm-waiting", !open || this.rating.value() === null);
      this.rating.mark(this.deck.sounds[this.deck.transport.active]?.label);
      this.controls.follow();
    }
    write(this.model, { playing });
    if (playing && !this.frame) this.frame = requestAnimationFrame(() => ((this.frame = 0), this.follow()));
  }

  toHear(missing) {
    if (this.deck.sounds.length === 1) return "You can answer when the sound has been played to its end.";
    return (
      "You can answer when every sound has been played to its end, or for as long in parts. " +
      `Still to hear: ${missing.join(", ")}.`
    );
  }

  followLevel(playing) {
    this.level.play.setAttribute("aria-pressed", String(playing));
    this.level.start.classList.toggle("ldm-waiting", !(this.deck.heard[0] >= LEVEL_HEARD));
  }

  onKey(event) {
    const { key, target } = event;
    const held = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (held || target.matches("[type=number], [type=text]")) return;
    const onButton = target.matches("button");
    const onSlider = target.matches("input") && key in STEPS;
    const sound = soundKeys(this.deck.sounds).indexOf(key);
    if (this.trial && sound >= 0) this.deck.choose(sound);
    else if (key === " " && !onButton && !target.matches("[type=radio]")) this.space();
    else if (key === "Enter" && !onButton) this.next();
    else if (this.trial && key === "l") this.deck.transport.setLoop(!this.deck.transport.loop);
    else if (this.trial && key in STEPS && !onSlider && this.rating.isOpen()) this.nudge(STEPS[key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  space() {
    if (this.level) this.doing(() => this.playLevel());
    else if (this.trial) this.deck.transport.toggle();
  }

  nudge(step) {
    this.rating.nudge(step, this.deck.sounds[this.deck.transport.active]?.label);
  }

  destroy() {
    clearTimeout(this.late);
    this.deck.transport.pause();
    cancelAnimationFrame(this.frame);
    takeDown(this);
  }
}

export default showView((model) => new Listening(model));
