// SimilarityBoard: words in, sounds ranked by cosine; a softmax with temperature turns cosines into shares.

import { boardRow, ranked, sharesOf } from "./boardrow.js";
import { newest } from "./newest.js";
import { panel } from "./panel.js";
import {
  ask, button, complain, element, field, onModel, radios, range, showView, statusLine, takeDown,
  write,
} from "./ui.js";

const BOARD_PAUSE = 250; // ms without a key before the words are asked for
const COLDEST = 0.005;
const MOVE = { duration: 350, easing: "ease-in-out" };
const BOARD_LEGEND =
  "Upper bar: cosine. Lower bar: share = softmax(cosine / temperature). " +
  "\u2248 asks for sounds like that one.";

class Board {
  constructor(model) {
    Object.assign(this, { model, rows: [], order: [], sounds: new Map() });
    Object.assign(this, { timer: 0, typed: false, wanted: null, asked: 0 });
    this.player = panel(model, {});
    this.query = field({
      label: "Words",
      placeholder: "a dog barking; rain falling",
      value: model.get("words"),
      spellcheck: "false",
      autocomplete: "off",
      oninput: () => this.later(),
      onenter: () => this.now(),
    });
    this.query.root.classList.add("ldm-wide");
    this.search = newest((words) => ask(model, "search", { words }).catch((error) => complain(model, error)));
    this.heat = range({
      label: "Temperature",
      min: Math.log10(COLDEST),
      max: 0,
      step: "any",
      value: Math.log10(model.get("temperature")),
      format: (power) => (10 ** power).toPrecision(2),
      oninput: (power) => this.fill(10 ** power),
      onchange: (power) => write(model, { temperature: 10 ** power }),
    });
    const learned = model.get("learned");
    this.learned = button({
      label: `Learned: ${learned.toPrecision(2)}`,
      title: "The temperature that training ended with",
      onclick: () => write(model, { temperature: learned }),
    });
    this.among = radios({
      label: "Shares add up over",
      options: ["sounds", "queries"],
      onchoose: (i) => write(model, { among: ["sounds", "queries"][i] }),
    });
    this.amongField = element("span", { class: "ldm-field" }, "Shares add up over", this.among.root);
    this.heads = radios({ label: "Sort by", onchoose: (i) => write(model, { by: i }) });
    this.heads.root.classList.add("ldm-heads");
    this.list = element("ol", { class: "ldm-ranks", "aria-label": "Sounds, nearest first" });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.status = statusLine(model);
    this.credit = element("p", { class: "ldm-credit" });
    this.legend = element("p", { class: "ldm-hint" }, BOARD_LEGEND);
    const heat = element("div", { class: "ldm-controls" }, this.heat.root, this.learned, this.amongField);
    const top = element("div", { class: "ldm-controls" }, this.query.root);
    const ranking = [this.heads.root, this.list, this.legend];
    const parts = [top, heat, this.status, ...ranking, this.player.root, this.credit];
    const kept = { class: "ldm-widget ldm-board", role: "group", "data-lm-suppress-shortcuts": "true" };
    this.root = element("div", { ...kept, "aria-label": "Similarity board" }, ...parts);
    this.off = onModel(model, {
      "change:cards": () => this.build(),
      "change:answers": () => this.refresh(),
      "change:by": () => this.refresh(),
      "change:among": () => this.fill(),
      "change:temperature": () => (this.heat.set(Math.log10(model.get("temperature"))), this.fill()),
      "change:words": () => this.typed || (this.query.input.value = model.get("words")),
      "change:chosen": () => this.follow(),
    });
    this.shown = this.sent(); // the sound that the model came with
    this.build();
    this.follow();
  }

  /** Words typed a moment ago. */
  later() {
    this.typed = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), BOARD_PAUSE);
  }

  now() {
    clearTimeout(this.timer);
    this.typed = false;
    this.search(this.query.input.value);
  }

  like(label) {
    this.query.input.value = `[${label}]`;
    this.now();
  }

  // --- the board ----------------------------------------------------------------------------------

  build() {
    const { model } = this;
    const bands = model.get("sound").band_hz.length;
    const acts = { onplay: (i) => this.play(i), onlike: (label) => this.like(label) };
    this.rows = model.get("cards").map((card, i) => boardRow(card, i, bands, acts));
    this.order = this.rows.map((_, i) => i);
    this.list.replaceChildren(...this.rows.map(({ root }) => root));
    this.rove(0);
    this.refresh({ still: true });
  }

  get cosines() {
    return this.model.get("answers").map(({ cosines }) => cosines);
  }

  /** New answers, or another query to sort by. */
  refresh({ still = false } = {}) {
    const { model, rows, cosines } = this;
    if (cosines.some((row) => row.length !== rows.length)) return; // the new cards come with the next message
    const by = Math.min(model.get("by"), Math.max(0, cosines.length - 1));
    this.heads.set(model.get("answers").map(({ query }) => query));
    this.heads.choose(by);
    this.heads.root.hidden = !cosines.length;
    this.amongField.hidden = cosines.length < 2;
    this.legend.hidden = !cosines.length;
    this.root.style.setProperty("--ldm-queries", String(cosines.length));
    rows.forEach((row) => row.resize(cosines.length));
    this.fill();
    this.arrange(cosines.length ? ranked(cosines[by]) : rows.map((_, i) => i), { still });
  }

  /** Bars and numbers. */
  fill(temperature = this.model.get("temperature")) {
    const { model, rows, cosines } = this;
    const among = model.get("among");
    this.among.choose(among === "sounds" ? 0 : 1);
    const shares = sharesOf(cosines, temperature, cosines.length < 2 ? "sounds" : among);
    cosines.forEach((row, q) => row.forEach((cosine, i) => rows[i]?.set(q, cosine, shares[q][i])));
  }

  /** Put the rows in this order; they glide there unless motion is unwelcome. */
  arrange(order, { still }) {
    const { rows, list } = this;
    const ranks = this.cosines.length > 0;
    order.forEach((number, place) => (rows[number].rank.textContent = ranks ? `${place + 1}` : ""));
    if (order.join() === this.order.join()) return;
    const before = rows.map(({ root }) => root.offsetTop);
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    list.append(...order.map((number) => rows[number].root));
    this.order = order;
    if (focused) focused.focus({ preventScroll: true });
    else {
      list.scrollTop = 0;
      this.rove(order[0]);
    }
    if (still || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    rows.forEach(({ root }, i) => {
      const way = before[i] - root.offsetTop;
      if (way) root.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], MOVE);
    });
  }

  /** One row is reached by the tab key; arrows go on from there. */
  rove(number) {
    this.rows.forEach(({ play, like }, i) => {
      play.tabIndex = like.tabIndex = i === number ? 0 : -1;
    });
  }

  key(event) {
    const place = this.order.findIndex((number) => this.rows[number].root.contains(event.target));
    const last = this.order.length - 1;
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last }[event.key];
    const side = { ArrowRight: "like", ArrowLeft: "play" }[event.key];
    if (place < 0 || (to === undefined && !side)) return;
    const row = this.rows[this.order[Math.min(last, Math.max(0, to ?? place))]];
    const kind = side ?? (event.target.classList.contains("ldm-like") ? "like" : "play");
    this.rove(this.rows.indexOf(row));
    row[kind].focus();
    event.preventDefault();
    event.stopPropagation();
  }

  // --- the sound ----------------------------------------------------------------------------------

  /** A row was pressed: hear it; pressed again while it sounds: silence. */
  async play(number) {
    const { player } = this;
    this.rove(number);
    if (number === this.shown && player.transport.playing) return player.pause();
    if (await this.show(number)) player.play();
  }

  /** Put a sound into the panel, from the page's memory if it was there before; true if it is still wanted then. */
  async show(number) {
    const { model, player, sounds } = this;
    this.wanted = number;
    if (number === this.shown) this.tell(number);
    else {
      if (sounds.has(number)) this.tell(number);
      else await this.tell(number);
      if (this.wanted !== number || !sounds.has(number)) return false;
      player.pause();
      write(model, { position: 0, box: [] });
      this.shown = number;
      player.load(sounds.get(number), { keep: false });
    }
    this.mark();
    return true;
  }

  /** Tell Python which sound is chosen, and fetch it the first time. */
  async tell(number) {
    const { model, sounds } = this;
    this.asked += 1;
    try {
      const { sound } = await ask(model, "sound", { number, known: sounds.has(number) });
      if (sound) sounds.set(number, sound);
    } catch (error) {
      complain(model, error);
    }
    this.asked -= 1;
  }

  /** Number of the card whose sound the model carries. */
  sent() {
    const { model } = this;
    const label = model.get("sound").versions[0].label;
    return model.get("cards").findIndex((card) => card.label === label);
  }

  /** Python chose a sound, or the page has just been made; while this page asks for one it hears itself. */
  follow() {
    const chosen = this.model.get("chosen");
    if (chosen !== this.shown && !this.asked) this.show(chosen);
    else this.mark();
  }

  mark() {
    this.rows.forEach(({ play }, i) => play.setAttribute("aria-pressed", String(i === this.shown)));
    const credit = this.model.get("cards")[this.shown]?.credit ?? "";
    this.credit.textContent = credit && `Recording: ${credit}`;
    this.credit.hidden = !credit;
  }

  destroy() {
    clearTimeout(this.timer);
    this.wanted = null;
    takeDown(this);
  }
}

export default showView((model) => new Board(model));
