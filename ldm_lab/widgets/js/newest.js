// Requests that follow a hand: one on its way at a time, and of those that come meanwhile only the newest goes out.

/** `send(value)` is a promise that never rejects. The function given back takes a value; `idle()` says that none waits. */
export function newest(send) {
  let busy = false;
  let next = null;
  const run = async (value) => {
    next = { value };
    if (busy) return;
    busy = true;
    while (next) {
      const { value: newer } = next;
      next = null;
      await send(newer);
    }
    busy = false;
  };
  run.idle = () => !busy;
  return run;
}
