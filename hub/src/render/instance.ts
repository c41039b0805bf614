// One running instance of the rendering module: bytes in, bytes out, through its linear memory.

import { Sandbox } from "./sandbox.ts";

/** One body of a frame: a file that goes in, or a document that comes out with the place it came from. */
export type Part = { readonly path: string; readonly bytes: Uint8Array };

export type ModuleDocument = { readonly path: string; readonly format: "yaml" | "json" | "error"; readonly bytes: Uint8Array };

export type ModuleFailure = { readonly code: string; readonly message: string; readonly path?: string; readonly line?: number };

export type ModuleAnswer =
  | { readonly kind: "done"; readonly documents: readonly ModuleDocument[]; readonly warnings: readonly string[] }
  | { readonly kind: "failed"; readonly failure: ModuleFailure }
  | { readonly kind: "tooLarge"; readonly bytes: number };

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly muster_alloc: (size: number) => number;
  readonly muster_free: (address: number) => void;
  readonly muster_call: (address: number) => bigint;
};

type ReplyHead = {
  readonly documents: readonly { readonly path: string; readonly size: number; readonly format: ModuleDocument["format"] }[];
  readonly warnings: readonly string[];
  readonly error?: ModuleFailure;
};

/** Starts and calls one instance. A call that throws (ModuleExit, WebAssembly.RuntimeError, RangeError) leaves it unusable. */
export class Instance {
  readonly #exports: Exports;
  readonly #sandbox: Sandbox;

  /** `clock`: unix seconds that every render sees. */
  constructor(module: WebAssembly.Module, clock: number) {
    this.#sandbox = new Sandbox(clock);
    this.#exports = new WebAssembly.Instance(module, this.#sandbox.imports).exports as unknown as Exports;
    this.#sandbox.bind(this.#exports.memory);
    this.#exports._initialize();
  }

  /** Bytes of linear memory; it never shrinks. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /** What Go printed before it died: for telling why, never for showing. */
  get said(): string {
    return this.#sandbox.said;
  }

  /** Performs one request. `seed` is hex; `outputMaxBytes` bounds what is copied out. */
  call(head: Readonly<Record<string, unknown>>, files: readonly Part[], seed: string, outputMaxBytes: number): ModuleAnswer {
    this.#sandbox.restart(seed);
    const listed = { ...head, files: files.map(({ path, bytes }) => ({ path, size: bytes.length })) };
    const address = this.#send(Buffer.from(JSON.stringify(listed)), files);
    const packed = this.#exports.muster_call(address);
    return this.#receive(Number((packed >> 32n) & 0xffff_ffffn), Number(packed & 0xffff_ffffn), outputMaxBytes);
  }

  #send(head: Buffer, files: readonly Part[]): number {
    const size = files.reduce((sum, { bytes }) => sum + bytes.length, 4 + head.length);
    const address = this.#exports.muster_alloc(size) >>> 0;
    const frame = new Uint8Array(this.#exports.memory.buffer, address, size);
    new DataView(this.#exports.memory.buffer).setUint32(address, head.length, true);
    frame.set(head, 4);
    let at = 4 + head.length;
    for (const { bytes } of files) {
      frame.set(bytes, at);
      at += bytes.length;
    }
    return address;
  }

  #receive(address: number, size: number, outputMaxBytes: number): ModuleAnswer {
    if (size > outputMaxBytes) {
      this.#exports.muster_free(address);
      return { kind: "tooLarge", bytes: size };
    }
    const frame = Buffer.from(new Uint8Array(this.#exports.memory.buffer, address, size).slice().buffer);
    this.#exports.muster_free(address);
    let at = 4 + frame.readUInt32LE(0);
    const head = JSON.parse(frame.toString("utf8", 4, at)) as ReplyHead;
    if (head.error !== undefined) return { kind: "failed", failure: head.error };
    const documents = head.documents.map((document) => {
      const bytes = frame.subarray(at, at + document.size);
      at += document.size;
      return { path: document.path, format: document.format, bytes };
    });
    return { kind: "done", documents, warnings: head.warnings };
  }
}
