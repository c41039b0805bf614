// Writes an upper bound into a WebAssembly module's memory section. Go declares none, and without one a template that
// eats memory grows to 4 GiB before it dies.

const magic = 0x6d736100;
const memorySection = 5;
const pageBytes = 65_536;

/**
 * The module with `memory.grow` refused beyond `maxBytes` (rounded down to pages, never below what the module starts with).
 * Throws a TypeError when the bytes are no module with exactly one memory of its own.
 */
export function limitMemory(module: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(module.buffer, module.byteOffset, module.byteLength);
  if (module.length < 8 || view.getUint32(0, true) !== magic) throw new TypeError("not a WebAssembly module");
  let at = 8;
  while (at < module.length) {
    const id = view.getUint8(at);
    const size = readNumber(view, at + 1);
    if (id === memorySection) return rewritten(module, view, at, size, Math.floor(maxBytes / pageBytes));
    at = size.end + size.value;
  }
  throw new TypeError("the WebAssembly module has no memory of its own");
}

type Read = { readonly value: number; readonly end: number };

function rewritten(module: Uint8Array, view: DataView, at: number, size: Read, maxPages: number): Uint8Array<ArrayBuffer> {
  const count = readNumber(view, size.end);
  if (count.value !== 1) throw new TypeError("the WebAssembly module has several memories");
  const initial = readNumber(view, count.end + 1);
  const content = [1, 1, ...numberBytes(initial.value), ...numberBytes(Math.max(maxPages, initial.value))];
  const section = [memorySection, ...numberBytes(content.length), ...content];
  const rest = module.subarray(size.end + size.value);
  const result = new Uint8Array(at + section.length + rest.length);
  result.set(module.subarray(0, at));
  result.set(section, at);
  result.set(rest, at + section.length);
  return result;
}

function readNumber(view: DataView, from: number): Read {
  let value = 0;
  for (let at = from, shift = 0; ; at += 1, shift += 7) {
    const byte = view.getUint8(at);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}

function numberBytes(value: number): readonly number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    const more = left >= 0x80;
    bytes.push((left & 0x7f) | (more ? 0x80 : 0));
    left = Math.floor(left / 0x80);
  } while (left > 0);
  return bytes;
}
