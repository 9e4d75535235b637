// The pages of a listening test before and after its trials: consent, the volume, thanks.

import { button, element, field } from "./ui.js";

export const paragraph = (words, attributes = {}) => element("p", attributes, words);
export const question = (words) => paragraph(words, { class: "ldm-question", tabindex: "-1" });

/** `start(number)` when the listener agrees; the number is that of an interrupted session, or empty. */
export function consentPage(model, start) {
  const about = model.get("about");
  const label = "Your number, if you began before";
  const before = field({ label, value: about.listener, placeholder: "L0123abcd" });
  const agree = button({ label: "I agree", className: "ldm-main", onclick: () => start(before.input.value) });
  before.input.addEventListener("keydown", (event) => event.key === "Enter" && start(before.input.value));
  const blocks = about.kinds.map(({ title, count }) => element("li", {}, `${title}: ${count}`));
  return [
    question(model.get("title")),
    paragraph(`A listening test: ${about.length}. Use headphones, or good loudspeakers in a quiet room.`),
    element("ul", {}, ...blocks),
    element("div", { class: "ldm-consent" }, paragraph(about.consent)),
    ...(about.saves ? [before.root] : []),
    element("div", { class: "ldm-nav" }, agree),
  ];
}

/** Words and the buttons `play` and `start`, without behaviour. */
export function levelPage(model) {
  const { answered, of, listener } = model.get("state");
  const play = button({ icon: "play", label: "Play the noise", className: "ldm-sound" });
  const start = button({ label: answered ? "Go on" : "Start", className: "ldm-main ldm-waiting" });
  const back = `Welcome back: ${answered} of ${of} trials are answered; the test goes on with the next.`;
  const keep = `Your number is ${listener}. Keep it if you may want to stop and go on later.`;
  const volume =
    "Play the noise. It is as loud as the sounds of the test: set your volume so that it is comfortable, " +
    "about as loud as someone talking beside you. Then leave the volume alone until the end.";
  const nodes = [
    question("First set the volume"),
    ...(answered ? [paragraph(back)] : []),
    paragraph(volume),
    element("div", { class: "ldm-sounds" }, play),
    ...(model.get("about").saves ? [paragraph(keep, { class: "ldm-small" })] : []),
    element("div", { class: "ldm-nav" }, start),
  ];
  return { nodes, play, start };
}

/** Thanks, how much was answered, and buttons without behaviour: `save`, `on`, `reveal`. */
export function endPage(model) {
  const { answered, of, complete, listener, revealed } = model.get("state");
  const about = model.get("about");
  const save = button({ icon: "save", label: "Save my answers" });
  const on = button({ label: complete ? "Look at my answers again" : "Go on" });
  const reveal = button({ label: "Show what was what" });
  const saved = about.saves
    ? `Your answers are saved under your number, ${listener}.`
    : "Your answers are kept until the notebook is closed: save the file and hand it to whoever asked you.";
  const answers = element("div", { class: "ldm-nav" });
  answers.append(...(about.saves ? [] : [save]), ...(revealed ? [] : [on]));
  const tables = element("div", {});
  if (about.reveals && answered) {
    const final = "Once you know what was what, your answers are final.";
    answers.append(reveal);
    if (!revealed) tables.append(paragraph(final, { class: "ldm-small" }));
  }
  const done = paragraph(`You answered ${answered} of ${of} trials. ${saved}`);
  return { nodes: [question("Thank you"), done, answers, tables], save, on, reveal, answers, tables };
}
