// Both carriers, each on the real servers that it speaks to.

import { after, before } from "node:test";

import { startSshServer, type SshServer } from "../../../test/gitserver/sshd.ts";
import { carrierContract } from "./testdata/carrier.contract.ts";
import { isomorphicHttp, nativeHttp, nativeSsh } from "./testdata/ways.ts";

let ssh: SshServer | undefined;
before(async () => {
  ssh = await startSshServer();
});
after(() => ssh?.[Symbol.asyncDispose]());

carrierContract(isomorphicHttp);
carrierContract(nativeHttp);
carrierContract(
  nativeSsh(() => {
    if (ssh === undefined) throw new Error("sshd is not started yet");
    return ssh;
  }),
);
