// Which addresses the hub speaks to at all. A name that stands in a repository must not lead it to a cloud's metadata, ever, nor to the
// machine that it runs on, unless its operator allows that. Private networks are where forges and registries stand.

import { isIn, parseIp, parseRange, type Ip, type IpRange } from "./ip.ts";

const rangesOf = (...lists: readonly (readonly string[])[]): readonly IpRange[] =>
  lists.flat().map((text) => {
    const range = parseRange(text);
    if (range === null) throw new TypeError(`${text} is no range`);
    return range;
  });

/** This network, link-local (most clouds' metadata), groups, reserved; then metadata and wire servers elsewhere: Alibaba, Oracle, Azure, AWS, Google. */
const never = rangesOf(
  "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 ::/128 fe80::/10 ff00::/8".split(" "),
  "100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254 fd20:ce::254".split(" "),
);
const loopback = rangesOf(["127.0.0.0/8", "::1/128"]);

/** True for a range that no setting can open. */
export const isNeverAllowed = (range: IpRange): boolean => never.some((each) => isIn(each, range));

/** Says why an IP address may not be spoken to; null when it may. `allow`: what the operator opened, as ranges. */
export function whyNoAddress(text: string, allow: readonly string[]): string | null {
  const ip = parseIp(text);
  if (ip === null) return "no address that can be judged";
  if (among(never, ip)) return "a link-local, metadata or group address, which is never asked";
  return among(loopback, ip) && !isAllowed(ip, allow) ? `the hub's own machine, which ${setting} does not name` : null;
}

/** Says why the host of a URL may not be asked, where that shows without looking it up. */
export function whyNoHost(hostname: string, allow: readonly string[]): string | null {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (parseIp(bare) !== null) return whyNoAddress(bare, allow);
  const local = /(^|\.)localhost\.?$/i.test(bare) && allow.every((text) => !opensLoopback(text));
  return local ? `the hub's own machine, which ${setting} does not name` : null;
}

const setting = "network.allow of the hub's configuration";

const among = (ranges: readonly IpRange[], ip: Ip): boolean => ranges.some((range) => isIn(range, ip));
const isAllowed = (ip: Ip, allow: readonly string[]): boolean => {
  const ranges = allow.map(parseRange).filter((range) => range !== null);
  return among(ranges, ip);
};
const opensLoopback = (text: string): boolean => {
  const range = parseRange(text);
  return range !== null && loopback.some((each) => isIn(each, range) || isIn(range, each));
};

type Found = { readonly address: string; readonly family: number };
type LookedUp = (error: Error | null, addresses: readonly Found[]) => void;
/** `dns.lookup`, asked for all addresses. */
export type Look = (hostname: string, options: LookupOptions & { readonly all: true }, callback: LookedUp) => void;
type LookupOptions = { readonly all?: boolean | undefined };
type Connecting = (error: Error | null, address: string | Found[], family?: number) => void;

/**
 * The `lookup` of a connection: looks a name up and fails with `refuse` when any of its addresses may not be spoken to. What was checked
 * is what is connected to, so that a name whose addresses change in between gains nothing.
 */
export function guardedLookup(
  look: Look,
  allow: readonly string[],
  refuse: (why: string) => Error,
): (hostname: string, options: LookupOptions, callback: Connecting) => void {
  return (hostname, options, callback) => {
    look(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "", 0);
      for (const { address } of addresses) {
        const why = whyNoAddress(address, allow);
        if (why !== null) return callback(refuse(why), "", 0);
      }
      if (options.all === true) return callback(null, [...addresses]);
      const first = addresses[0];
      callback(null, first?.address ?? "", first?.family);
    });
  };
}
