// Which network addresses may be spoken to at all: a name in a repository must not lead the hub to the machine it runs on, or to a cloud's
// metadata. Private networks are allowed: that is where registries stand.

import dns from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

import type { OperationError } from "@muster/proto/model/failure";

const never = new BlockList();
const ranges4 = [["0.0.0.0", 8], ["169.254.0.0", 16], ["224.0.0.0", 4], ["240.0.0.0", 4]] as const; // prettier-ignore
const ranges6 = [["::", 128], ["fe80::", 10], ["ff00::", 8], ["64:ff9b::a9fe:0", 112], ["2002:a9fe::", 32]] as const; // prettier-ignore
for (const [net, prefix] of ranges4) never.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of ranges6) never.addSubnet(net, prefix, "ipv6");
// Metadata that is not link-local: Alibaba, Oracle, AWS over IPv6.
for (const address of ["100.100.100.200", "192.0.0.192"]) never.addAddress(address, "ipv4");
never.addAddress("fd00:ec2::254", "ipv6");

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addSubnet("64:ff9b::7f00:0", 104, "ipv6");

/** Says why an IP address may not be spoken to; null when it may. Loopback only where the person's own URL named it. */
export function whyNoHost(ip: string, loopbackAllowed: boolean): string | null {
  const family = isIP(ip) === 6 ? "ipv6" : "ipv4";
  if (never.check(ip, family)) return "a link-local, metadata or group address";
  if (loopback.check(ip, family) && !loopbackAllowed) return "the hub's own machine";
  return null;
}

/** Says why the host of a URL may not be asked, where that can be told without looking the name up. */
export function whyNoLiteral(hostname: string, loopbackAllowed: boolean): string | null {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (isIP(bare) !== 0) return whyNoHost(bare, loopbackAllowed);
  return /(^|\.)localhost\.?$/i.test(bare) && !loopbackAllowed ? "the hub's own machine" : null;
}

/** Looks names up and fails with `refuse` when any of a name's addresses may not be spoken to: what was checked is what is connected to. */
export function guardedLookup(loopbackAllowed: boolean, refuse: (why: string) => OperationError, look = dns.lookup): LookupFunction {
  return (hostname, options, callback) => {
    look(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "", 0);
      for (const { address } of addresses) {
        const why = whyNoHost(address, loopbackAllowed);
        if (why !== null) return callback(refuse(why), "", 0);
      }
      if (options.all === true) return callback(null, addresses);
      const first = addresses[0];
      callback(null, first?.address ?? "", first?.family);
    });
  };
}
