// A TCP line to an API server that a test can cut and mend.

import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export type Line = AsyncDisposable & {
  /** Path of a kubeconfig that goes over the line. */
  readonly kubeconfig: string;
  /** How many connections were made. */
  readonly connections: () => number;
  /** Ends all connections; new ones are refused at once. */
  cut(): void;
  mend(): void;
};

/** A line to the server at `url` (https://127.0.0.1:PORT), which `kubeconfig` names. */
export async function startLine(url: string, kubeconfig: string): Promise<Line> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    if (isCut) return client.destroy();
    const upstream = connect(Number(new URL(url).port), "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    return client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = `${kubeconfig}-over-a-line-${(server.address() as AddressInfo).port}`;
  const text = await readFile(kubeconfig, "utf8");
  await writeFile(own, text.replaceAll(url, `https://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  const stop = async (): Promise<void> => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  };
  return { kubeconfig: own, connections: () => connections, cut, mend: () => (isCut = false), [Symbol.asyncDispose]: stop };
}
