// Requests that follow a hand: one on its way at a time; of those that come meanwhile the newest goes out.

/** `send(value)` is a promise that never rejects; what is given back takes values. */
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
  return run;
}
