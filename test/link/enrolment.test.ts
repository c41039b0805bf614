// A first contact whose answer is lost on its way: both ends as they are, over real TLS, with a connection that is cut in between.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { joinFleet } from "@muster/agent/joining";
import { enroll } from "@muster/agent/link/link";
import { makeToken, openWorld } from "@muster/hub/control/testdata/world";
import { listenGrpc } from "@muster/hub/link/link";
import { silent } from "@muster/agent/control/rig";

test(
  "F24 an agent whose enrolment was answered into a cut connection gets its certificate all the same, for the used-up token",
  { timeout: 30_000 },
  async (t) => {
    const world = await openWorld(t);
    const own = await world.keys.authority.issueServer(["127.0.0.1"], Date.now());
    world.clock.now = Date.now();
    let answers = 0;
    const cut = (): void => {
      for (const socket of sockets) socket.destroy();
    };
    const { sessions } = world;
    const link = await listenGrpc(
      { host: "127.0.0.1", port: 0, ...own, authority: world.keys.authority.certificate, onError: () => undefined },
      {
        identify: (certificate) => sessions.identify(certificate),
        enroll: async (call) => {
          const answer = await sessions.enroll(call);
          answers += 1;
          if (answers === 1) cut();
          return answer;
        },
        renew: (identity, csr) => sessions.renew(identity, csr),
        session: (identity, session) => sessions.session(identity, session),
        release: (identity, release, base) => sessions.release(identity, release, base),
        awaits: () => false,
        answered: () => Promise.reject(new TypeError("nothing was asked for")),
      },
    );
    t.after(() => link[Symbol.asyncDispose]());
    const sockets = new Set<Socket>();
    const line = createServer((socket) => {
      const upstream = connect(link.port, "127.0.0.1");
      for (const [end, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        sockets.add(end);
        end.on("error", () => other.destroy()).on("close", () => other.destroy());
        end.pipe(other);
      }
    });
    await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      cut();
      line.close();
    });
    const dir = await mkdtemp(join(tmpdir(), "muster-enrolment-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    const token = await makeToken(world, { expiresAt: Date.now() + 3_600_000 });
    const address = `127.0.0.1:${(line.address() as AddressInfo).port}`;
    const call = { address, token, clusterUid: "u1", proposedName: "berlin", agentVersion: "0", dir, log: silent, enroll };
    const identity = await joinFleet(call, new AbortController().signal);
    assert.deepEqual([identity?.cluster, answers], ["berlin", 2]);
    const { certificates, tokens } = world.record.memory;
    assert.deepEqual([certificates.size, [...tokens.values()].map(({ usesLeft }) => usesLeft)], [1, [0]]);
  },
);
