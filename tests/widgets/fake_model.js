// The six methods of a widget model, a log of what the view wrote, and bytes as DataViews as a kernel sends them.

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

export class FakeModel {
  constructor(state) {
    Object.assign(this, { state: fromJson(state), listeners: new Map(), written: [], saves: 0, sent: [] });
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    this.state[name] = value;
    this.written.push([name, value]);
    this.fire(`change:${name}`);
  }
  save_changes() {
    this.saves += 1;
  }
  on(name, listener) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }
  off(name, listener) {
    this.listeners.set(name, (this.listeners.get(name) ?? []).filter((other) => other !== listener));
  }
  send(content, callbacks, buffers) {
    this.sent.push([content, buffers]);
  }
  fire(name) {
    (this.listeners.get(name) ?? []).forEach((listener) => listener());
  }
  // What a kernel does when Python sets traits.
  receive(changes) {
    Object.assign(this.state, fromJson(changes));
    Object.keys(changes).forEach((name) => this.fire(`change:${name}`));
  }
  count() {
    return [...this.listeners.values()].reduce((sum, list) => sum + list.length, 0);
  }
}
