// The face of the room that says how the hub speaks to others: through which proxy, and to which addresses never. It opens no connection;
// who does, asks here first.

import type { Proxies } from "./proxies.ts";

export { guardedLookup, isNeverAllowed, whyNoAddress, whyNoHost, type Look } from "./hosts.ts";
export { parseIp, parseRange, type IpRange } from "./ip.ts";
export { parseProxy, proxyFor, type Proxies, type ProxyServer } from "./proxies.ts";

/** What an operator said of the network. */
export type Network = Proxies & {
  /** Ranges of addresses, `127.0.0.0/8`, that may be asked although they are the hub's own machine. */
  readonly allow: readonly string[];
};
