// SpectrogramPlayer: one panel.

import { panel } from "./panel.js";
import { showView } from "./ui.js";

export default showView((model) => panel(model));
