// QuizPanel: one fieldset a question, real radio buttons, feedback on Check. Everything is here already: no kernel needed.

import { button, element, onModel, showView, write } from "./ui.js";

const LETTERS = "ABCDEFGH";
let quizzes = 0;

/** Words with `code` in backticks and *stress* in asterisks, as nodes. */
const rich = (words) =>
  words.split(/(`[^`]+`|\*[^\s*](?:[^*]*[^\s*])?\*)/).map((part, i) => {
    const tag = part[0] === "`" ? "code" : "em";
    return i % 2 ? element(tag, {}, part.slice(1, -1)) : document.createTextNode(part);
  });

/** One question; `onanswer(text)` when a choice is checked. `show(text)` shows a checked choice, "" takes all back. */
function quizQuestion({ text, choices }, number, name, onanswer) {
  const inputs = choices.map((_, i) => element("input", { type: "radio", name, value: LETTERS[i] }));
  const rows = choices.map((choice, i) => {
    const words = element("span", {}, element("b", {}, `${LETTERS[i]} `), ...rich(choice.text));
    return element("label", {}, inputs[i], words);
  });
  const feedback = element("div", { class: "ldm-feedback", role: "status" });
  const others = element("div", {});
  const check = button({ label: "Check", onclick: () => answer() });
  check.setAttribute("aria-label", `Check question ${number}`);
  const legend = element("legend", {}, `${number}. `, ...rich(text));
  const foot = element("div", { class: "ldm-verdict" }, check, feedback);
  const root = element("fieldset", { class: "ldm-question" }, legend, ...rows, foot, others);
  let shown = "";

  const answer = () => {
    const at = inputs.findIndex((input) => input.checked);
    if (at >= 0) onanswer(choices[at].text);
    else feedback.replaceChildren("Choose one of the answers first, then press Check.");
  };
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.type !== "radio") return;
    answer();
    event.preventDefault();
    event.stopPropagation();
  });

  const why = (choice, i) => element("li", {}, element("b", {}, `Not ${LETTERS[i]}: `), ...rich(choice.feedback));
  const verdict = (at) => {
    const { right, feedback: words } = choices[at];
    const says = element("b", {}, right ? `${LETTERS[at]} is right. ` : `Not ${LETTERS[at]}. `);
    const sign = element("span", { class: "ldm-sign", "aria-hidden": "true" }, right ? "✓" : "✗");
    feedback.replaceChildren(sign, element("span", {}, says, ...rich(words), right ? "" : " Choose again."));
    const wrong = choices.map((choice, i) => (choice.right ? "" : why(choice, i))).filter(Boolean);
    const fold = element("details", {}, element("summary", {}, "Why not the others?"), element("ul", {}, ...wrong));
    others.replaceChildren(...(right ? [fold] : []));
    root.dataset.state = right ? "right" : "wrong";
  };
  const show = (given) => {
    const at = choices.findIndex((choice) => choice.text === given);
    if (at >= 0) {
      inputs[at].checked = true;
      verdict(at);
    } else if (shown) {
      inputs.forEach((input) => (input.checked = false));
      feedback.replaceChildren();
      others.replaceChildren();
      delete root.dataset.state;
    }
    shown = given;
  };
  return { root, show, focus: () => inputs[0].focus() };
}

function quizView(model) {
  quizzes += 1;
  const name = `ldm-quiz-${quizzes}-${Math.random().toString(36).slice(2, 8)}`;
  const questions = model.get("questions");
  const answers = () => questions.map((_, i) => model.get("answers")[i] ?? "");
  const set = (next) => {
    write(model, { answers: next });
    follow();
  };
  const rows = questions.map((question, i) =>
    quizQuestion(question, i + 1, `${name}-${i}`, (text) => {
      set(answers().map((old, k) => (k === i ? text : old)));
      rows[i].show(text); // the same choice again: say it again
    }),
  );
  const score = element("span", { role: "status" });
  const again = () => {
    set(questions.map(() => ""));
    rows[0].focus();
  };
  const restart = button({ icon: "undo", label: "Start again", onclick: again });
  const title = element("div", { class: "ldm-quiz-title" });
  const follow = () => {
    const given = answers();
    rows.forEach((row, i) => row.show(given[i]));
    const right = given.filter((text, i) => questions[i].choices.some((one) => one.right && one.text === text));
    const checked = given.filter(Boolean).length;
    const open = questions.length - checked;
    const more = open ? `, ${open} still open` : "";
    score.textContent = checked ? `${right.length} of ${questions.length} right${more}.` : "";
    restart.hidden = !checked;
    title.textContent = model.get("title");
  };
  const off = onModel(model, { "change:answers": follow, "change:title": follow });
  const foot = element("div", { class: "ldm-controls" }, score, restart);
  const root = element("div", { class: "ldm-widget ldm-quiz" }, title, ...rows.map((row) => row.root), foot);
  follow();
  const destroy = () => (off(), root.remove());
  return { root, destroy };
}

export default showView(quizView);
