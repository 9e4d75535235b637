// The six methods of a widget model, a log of what the view wrote, and bytes as DataViews as a kernel sends them. With
// `globalThis.python` (a function that carries a message to the real widget) it behaves like a model with a kernel.

function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.bytes === "string" && Object.keys(value).length === 1) {
    const raw = Uint8Array.from(atob(value.bytes), (c) => c.charCodeAt(0));
    const padded = new Uint8Array(raw.length + 3); // an odd offset, as in a message that holds several buffers
    padded.set(raw, 3);
    return new DataView(padded.buffer, 3, raw.length);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
}

function toBase64(buffer) {
  const bytes = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
}

export class FakeModel {
  constructor(state) {
    Object.assign(this, { state: fromJson(state), listeners: new Map(), written: [], saves: 0, sent: [] });
    Object.assign(this, { unsaved: {}, queue: Promise.resolve(), waiting: 0 });
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    this.state[name] = value;
    this.written.push([name, value]);
    this.unsaved[name] = value;
    this.fire(`change:${name}`);
  }
  save_changes() {
    this.saves += 1;
    const changes = this.unsaved;
    this.unsaved = {};
    this.carry({ changes });
  }
  on(name, listener) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }
  off(name, listener) {
    this.listeners.set(name, (this.listeners.get(name) ?? []).filter((other) => other !== listener));
  }
  send(content, callbacks, buffers) {
    this.sent.push([content, buffers]);
    this.carry({ content, buffers: (buffers ?? []).map(toBase64) });
  }
  fire(name, ...values) {
    (this.listeners.get(name) ?? []).slice().forEach((listener) => listener(...values));
  }
  // What a kernel does when Python sets traits.
  receive(changes) {
    Object.assign(this.state, fromJson(changes));
    Object.keys(changes).forEach((name) => this.fire(`change:${name}`));
  }
  // One message after the other, as a kernel handles them; its answers come back in their order.
  carry(message) {
    if (!globalThis.python) return;
    this.waiting += 1;
    this.queue = this.queue.then(async () => {
      for (const answer of await globalThis.python(message)) {
        if ("changes" in answer) this.receive(answer.changes);
        else this.fire("msg:custom", answer.content, answer.buffers.map((one) => fromJson(one)));
      }
      this.waiting -= 1;
    });
  }
  count() {
    return [...this.listeners.values()].reduce((sum, list) => sum + list.length, 0);
  }
}
