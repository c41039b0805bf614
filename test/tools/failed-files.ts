// A reporter of node's test runner: the files in which something failed, a line each, as often as it failed.

import type { TestEvent } from "node:test/reporters";

export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    // A process that ends before its first test is told by the name of its file.
    if (event.type === "test:fail") yield `${event.data.file ?? event.data.name}\n`;
  }
}
