// Takes one measurement in a process of its own, so that none finds the memory or the warm code of another, and tells its parent.
// usage: one.ts ID full|small

import { measurements } from "./measurements.ts";

const [id, size] = process.argv.slice(2);
const measurement = measurements.find((each) => each.id === id);
if (measurement === undefined || (size !== "full" && size !== "small")) throw new Error("usage: one.ts ID full|small");
process.once("disconnect", () => process.exit(1)); // nobody waits for it any more
const figures = await measurement.measure(size);
process.send?.(figures, () => process.exit(0));
