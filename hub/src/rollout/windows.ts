import type { Window } from "../fleet/fleet.ts";
export function windowAt(_w: Window, _z: string | null, _at: number): { open: boolean; changesAt: number | null } {
  return { open: true, changesAt: null };
}
