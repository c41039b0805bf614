// IP addresses and ranges of them, read strictly. An IPv6 address that only carries an IPv4 one (mapped, NAT64, 6to4) is taken for that,
// because that is where it leads.

/** `value` as a number of `bits` bits. */
export type Ip = { readonly bits: 32 | 128; readonly value: bigint };

/** The addresses that begin with the first `prefix` bits of `value`. */
export type IpRange = { readonly bits: 32 | 128; readonly value: bigint; readonly prefix: number };

/** Null for what is no address. No brackets, no zone. */
export function parseIp(text: string): Ip | null {
  const four = parseFour(text);
  if (four !== null) return { bits: 32, value: four };
  const six = parseSix(text);
  return six === null ? null : (carried(six) ?? { bits: 128, value: six });
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address. Null for what is neither. */
export function parseRange(text: string): IpRange | null {
  const [, address = "", length] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const four = parseFour(address);
  const value = four ?? parseSix(address);
  if (value === null) return null;
  const bits = four === null ? 128 : 32;
  const prefix = length === undefined ? bits : Number(length);
  return prefix > bits ? null : { bits, value, prefix };
}

/** True where the address, or every address of the range, lies in `range`. */
export function isIn(range: IpRange, what: Ip | IpRange): boolean {
  if (range.bits !== what.bits || ("prefix" in what && what.prefix < range.prefix)) return false;
  const shift = BigInt(range.bits - range.prefix);
  return range.value >> shift === what.value >> shift;
}

function parseFour(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseSix(text: string): bigint | null {
  const tail = /(?:^|:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  const four = tail === undefined ? null : parseFour(tail);
  if (tail !== undefined && four === null) return null;
  const plain = four === null || tail === undefined ? text : text.slice(0, -tail.length) + hexOf(four >> 16n) + ":" + hexOf(four & 0xffffn);
  const halves = plain.split("::");
  if (halves.length > 2) return null;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const gap = 8 - head.length - rest.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  const groups = [...head, ...Array.from({ length: halves.length === 2 ? gap : 0 }, () => "0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const hexOf = (value: bigint): string => value.toString(16);

const carriers: readonly { readonly prefix: bigint; readonly bits: bigint; readonly right: bigint }[] = [
  { prefix: 0xffffn, bits: 96n, right: 0n }, // ::ffff:0:0/96
  { prefix: 0x64ff9b_0000_0000_0000_0000n, bits: 96n, right: 0n }, // 64:ff9b::/96
  { prefix: 0x2002n, bits: 16n, right: 80n }, // 2002::/16
];

function carried(six: bigint): Ip | null {
  const found = carriers.find(({ prefix, bits }) => six >> (128n - bits) === prefix);
  return found === undefined ? null : { bits: 32, value: (six >> found.right) & 0xffff_ffffn };
}
