// The whole outside world of the rendering module, as WebAssembly imports: a clock that stands still, random bytes that
// follow from a seed, and nothing else. There is no file, no environment, no argument and no socket behind it, so that a
// template cannot reach what it was not given, and two renders of the same inputs are equal byte for byte.

import { createHmac } from "node:crypto";

const success = 0;
const badDescriptor = 8;
const notSupported = 58;
const characterDevice = 2;
const errorStream = 2;
const errorTextMax = 4096;
const programName = Buffer.from("render\0");

/** Thrown through the module when it ends itself: Go does so when memory runs out or a stack grows without end. */
export class ModuleExit extends Error {
  readonly exitCode: number;
  readonly said: string;

  constructor(exitCode: number, said: string) {
    super(`the rendering module ended with ${exitCode}`);
    this.exitCode = exitCode;
    this.said = said;
  }
}

/** Imports of one instance. `bind` gives it the instance's memory, `restart` a new stream of random bytes and the clock's first second. */
export class Sandbox {
  #memory: WebAssembly.Memory | undefined;
  #random = new RandomStream("");
  #epochNs: bigint;
  #sleptNs = 0n;
  #said = "";

  /** `clock` is the unix time in seconds that every render sees. */
  constructor(clock: number) {
    this.#epochNs = BigInt(clock) * 1_000_000_000n;
  }

  bind(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  restart(seed: string): void {
    this.#random = new RandomStream(seed);
    this.#sleptNs = 0n;
    this.#said = "";
  }

  /** What the module printed as it died: Go's own words about its memory and stack. Never shown to anyone. */
  get said(): string {
    return this.#said;
  }

  readonly imports = {
    wasi_snapshot_preview1: {
      args_sizes_get: (count: number, size: number) => this.#write32(count, 1) || this.#write32(size, programName.length),
      args_get: (list: number, at: number) => this.#writeArguments(list, at),
      environ_sizes_get: (count: number, size: number) => this.#write32(count, 0) || this.#write32(size, 0),
      environ_get: () => success,
      clock_time_get: (clock: number, _precision: bigint, at: number) => this.#tellTime(clock, at),
      clock_res_get: (_clock: number, at: number) => this.#write64(at, 1n),
      random_get: (at: number, size: number) => this.#fillRandom(at, size),
      proc_exit: (code: number) => this.#exit(code),
      sched_yield: () => success,
      poll_oneoff: (subscriptions: number, events: number, count: number, told: number) => this.#poll(subscriptions, events, count, told),
      fd_write: (fd: number, vectors: number, count: number, written: number) => this.#print(fd, vectors, count, written),
      fd_fdstat_get: (fd: number, at: number) => this.#describe(fd, at),
      fd_fdstat_set_flags: () => success,
      fd_close: () => badDescriptor,
      fd_filestat_get: () => badDescriptor,
      fd_filestat_set_size: () => badDescriptor,
      fd_pread: () => badDescriptor,
      fd_prestat_get: () => badDescriptor,
      fd_prestat_dir_name: () => badDescriptor,
      fd_pwrite: () => badDescriptor,
      fd_read: () => badDescriptor,
      fd_readdir: () => badDescriptor,
      fd_seek: () => badDescriptor,
      fd_sync: () => badDescriptor,
      path_create_directory: () => notSupported,
      path_filestat_get: () => notSupported,
      path_filestat_set_times: () => notSupported,
      path_link: () => notSupported,
      path_open: () => notSupported,
      path_readlink: () => notSupported,
      path_remove_directory: () => notSupported,
      path_rename: () => notSupported,
      path_symlink: () => notSupported,
      path_unlink_file: () => notSupported,
      sock_accept: () => notSupported,
      sock_shutdown: () => notSupported,
    },
  };

  #view(): DataView {
    return new DataView(this.#bytes().buffer);
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    if (this.#memory === undefined) throw new TypeError("the sandbox was not bound to a memory");
    return new Uint8Array(this.#memory.buffer);
  }

  // Libraries look at the program's name as they start; there are no arguments.
  #writeArguments(list: number, at: number): number {
    this.#bytes().set(programName, at);
    return this.#write32(list, at);
  }

  #write32(at: number, value: number): number {
    this.#view().setUint32(at, value, true);
    return success;
  }

  #write64(at: number, value: bigint): number {
    this.#view().setBigUint64(at, value, true);
    return success;
  }

  // Clock 0 is the wall clock. The others only tell that time passes for a sleeper: they move when the module waits.
  #tellTime(clock: number, at: number): number {
    return this.#write64(at, (clock === 0 ? this.#epochNs : 1n) + this.#sleptNs);
  }

  #fillRandom(at: number, size: number): number {
    this.#random.fill(this.#bytes().subarray(at, at + size));
    return success;
  }

  #exit(code: number): never {
    throw new ModuleExit(code, this.#said);
  }

  // Waiting for a time is over at once: the clock moves there. Waiting for anything else never happens.
  #poll(subscriptions: number, events: number, count: number, told: number): number {
    const view = this.#view();
    let nearest: bigint | undefined;
    for (let i = 0; i < count; i += 1) {
      const at = subscriptions + i * 48;
      if (view.getUint8(at + 8) !== 0) continue;
      const timeout = view.getBigUint64(at + 24, true);
      const absolute = (view.getUint16(at + 40, true) & 1) === 1;
      const wait = absolute ? timeout - 1n - this.#sleptNs : timeout;
      if (nearest === undefined || wait < nearest) nearest = wait;
      view.setBigUint64(events, view.getBigUint64(at, true), true);
    }
    if (nearest !== undefined && nearest > 0n) this.#sleptNs += nearest;
    view.setUint16(events + 8, 0, true);
    view.setUint8(events + 10, 0);
    view.setUint32(told, nearest === undefined ? 0 : 1, true);
    return success;
  }

  #print(fd: number, vectors: number, count: number, written: number): number {
    const view = this.#view();
    let size = 0;
    for (let i = 0; i < count; i += 1) {
      const at = view.getUint32(vectors + i * 8, true);
      const length = view.getUint32(vectors + i * 8 + 4, true);
      if (fd === errorStream && this.#said.length < errorTextMax) {
        this.#said += Buffer.from(this.#bytes().subarray(at, at + Math.min(length, errorTextMax))).toString("latin1");
      }
      size += length;
    }
    view.setUint32(written, size, true);
    return success;
  }

  #describe(fd: number, at: number): number {
    if (fd > errorStream) return badDescriptor;
    const view = this.#view();
    view.setUint8(at, characterDevice);
    view.setUint8(at + 1, 0);
    view.setUint16(at + 2, 0, true);
    this.#write64(at + 8, 0xffff_ffff_ffff_ffffn);
    return this.#write64(at + 16, 0n);
  }
}

/** HMAC-SHA256(seed, 0), HMAC-SHA256(seed, 1), …: bytes that nobody guesses without the seed, and the same ones each time. */
class RandomStream {
  readonly #key: Buffer;
  #block = Buffer.alloc(0);
  #next = 0n;

  constructor(seed: string) {
    this.#key = Buffer.from(seed, "hex");
  }

  fill(target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      if (this.#block.length === 0) this.#block = this.#hash();
      const size = Math.min(this.#block.length, target.length - done);
      target.set(this.#block.subarray(0, size), done);
      this.#block = this.#block.subarray(size);
      done += size;
    }
  }

  #hash(): Buffer<ArrayBuffer> {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(this.#next);
    this.#next += 1n;
    return createHmac("sha256", this.#key).update(counter).digest();
  }
}
