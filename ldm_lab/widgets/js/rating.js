// What a listener answers a trial with: a slider, a slider for each sound, or a choice.

import { element } from "./ui.js";

let groups = 0;

/** A slider without a value until it is touched. */
function rater(label, trial, given, onvalue) {
  const { low, high } = trial;
  const input = element("input", { type: "range", min: low, max: high, "aria-label": `Rating of ${label}` });
  const output = element("output", {});
  let value = given ?? null;
  input.value = value ?? Math.floor((low + high) / 2);
  const words = () => {
    output.textContent = value === null ? "–" : String(value);
    input.classList.toggle("ldm-unset", value === null);
    input.setAttribute("aria-valuetext", value === null ? "not rated yet" : String(value));
  };
  const take = () => {
    if (value === Number(input.value)) return;
    value = Number(input.value);
    words();
    onvalue();
  };
  input.addEventListener("input", take);
  input.addEventListener("pointerup", take); // the middle, too, is chosen by a click
  words();
  const nudge = (step) => {
    input.value = Number(input.value) + step;
    take();
    input.focus();
  };
  return { label, input, output, nudge, value: () => value };
}

function anchorRow(words) {
  const cells = words.map((word) => element("span", {}, word));
  return element("div", { class: "ldm-anchors", "aria-hidden": "true" }, ...cells);
}

function sliders(trial, onvalue) {
  const given = (label) => (trial.rated.length > 1 ? trial.answer?.value[label] : trial.answer?.value);
  const raters = trial.rated.map((label) => rater(label, trial, given(label), onvalue));
  const several = raters.length > 1;
  const rows = raters.map(({ label, input, output }) => {
    const letter = element("span", { class: "ldm-letter" }, several ? label : "");
    return element("label", { class: "ldm-rater" }, letter, input, output);
  });
  const root = element("div", { class: several ? "ldm-raters ldm-several" : "ldm-raters" });
  root.append(...rows, anchorRow(trial.anchors));
  const value = () => {
    if (raters.some((one) => one.value() === null)) return null;
    return several ? Object.fromEntries(raters.map((one) => [one.label, one.value()])) : raters[0].value();
  };
  const open = () => raters.filter((one) => one.value() === null).map(({ label }) => label);
  const missing = () => (several ? `Still to rate: ${open().join(", ")}.` : "Move the slider to rate it.");
  const mark = (heard) =>
    rows.forEach((row, i) => row.classList.toggle("ldm-on", several && raters[i].label === heard));
  const nudge = (step, heard) => (raters.find(({ label }) => label === heard) ?? raters[0]).nudge(step);
  return { root, value, missing, mark, nudge };
}

function choices(trial, onvalue) {
  const name = `ldm-choice-${(groups += 1)}`;
  const words = trial.kind === "abx" ? "X is" : "I prefer";
  const options = trial.rated.map((label) => [label, `${words} ${label}`]);
  if (trial.kind === "preference") options.push(["none", "No preference"]);
  const given = trial.answer?.value;
  const inputs = options.map(([value]) =>
    element("input", { type: "radio", name, value, onchange: onvalue, checked: given === value }),
  );
  const root = element("div", { class: "ldm-choices" });
  root.append(...options.map(([, text], i) => element("label", {}, inputs[i], element("span", {}, text))));
  const value = () => inputs.find((input) => input.checked)?.value ?? null;
  const nudge = (step) => {
    const at = inputs.findIndex((input) => input.checked);
    const next = inputs[(at + Math.sign(step) + inputs.length) % inputs.length];
    const chosen = at < 0 ? inputs[step > 0 ? 0 : inputs.length - 1] : next;
    chosen.checked = true;
    chosen.focus();
    onvalue();
  };
  return { root, value, missing: () => "Choose one of the answers.", mark() {}, nudge };
}

/** The answer panel of a trial; `onvalue()` after every change. value() is null while parts are missing. */
export function ratingPanel(trial, onvalue) {
  const inner = (trial.anchors.length ? sliders : choices)(trial, onvalue);
  const set = element("fieldset", { class: "ldm-answer", disabled: true });
  set.append(element("legend", {}, "Your answer"), inner.root);
  return { ...inner, root: set, open: (yes) => (set.disabled = !yes), isOpen: () => !set.disabled };
}
