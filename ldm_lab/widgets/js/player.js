// SpectrogramPlayer: one panel.

import { panel } from "./panel.js";

function render({ model, el }) {
  const player = panel(model);
  el.append(player.root);
  return () => player.destroy();
}

export default { render };
