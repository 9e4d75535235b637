// What was what, at the end of a listening test: a table of the report.

import { element } from "./ui.js";

/** A table of the report, each row with its interval drawn on the scale. */
export function revealTable({ title, note, scale: [low, high], rows }) {
  const place = (value) => `${(100 * (value - low)) / (high - low)}%`;
  const lines = rows.map(({ name, text, ...figure }) => {
    const bar = element("span", { class: "ldm-interval" });
    bar.style.left = place(figure.low);
    bar.style.width = `${(100 * (figure.high - figure.low)) / (high - low)}%`;
    const dot = element("span", { class: "ldm-dot" });
    dot.style.left = place(figure.value);
    const drawn = element("td", { "aria-hidden": "true" }, element("div", { class: "ldm-scale" }, bar, dot));
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, text), drawn);
  });
  const table = element("table", {}, element("caption", {}, title), element("tbody", {}, ...lines));
  const words = element("p", { class: "ldm-small" }, note);
  return element("div", { class: "ldm-reveal", tabindex: "-1" }, ...(rows.length ? [table] : []), words);
}
