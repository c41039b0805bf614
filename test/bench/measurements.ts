// Every measurement that there is, in the order of the table.

import type { Measurement } from "./measurement.ts";
import { p13 } from "./p13.ts";
import { p15 } from "./p15.ts";
import { p3 } from "./p3.ts";
import { p4 } from "./p4.ts";
import { p5 } from "./p5.ts";
import { p6 } from "./p6.ts";

export const measurements: readonly Measurement[] = [p3, p4, p5, p6, p13, p15];
