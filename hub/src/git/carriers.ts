// Which carrier goes to a server.

import type { Carrier, CarrierOptions } from "./carrier.ts";
import { gitError } from "./faults.ts";
import type { GitProgram } from "./git-program.ts";
import { isomorphicCarrier } from "./isomorphic.ts";
import { nativeCarrier } from "./native.ts";

/** The git program where there is one, because it is faster and needs less memory; isomorphic-git otherwise, which speaks no ssh. */
export function carrierFor(options: CarrierOptions, program: GitProgram | null): Carrier {
  if (program !== null) return nativeCarrier(options, program);
  if (!/^https?:/i.test(options.remote.url))
    throw gitError(
      "E_GIT_MISSING",
      options.name,
      "cannot use an ssh URL: there is no git 2.37 or newer, or no ssh, on this machine's PATH",
    );
  return isomorphicCarrier(options);
}
