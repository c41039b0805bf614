// Time zones, as this platform knows them.

/** True for the name of an IANA time zone. */
export function isTimeZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false; // an offset such as +02:00 is no place: it has no summer
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Their names, to guess what was meant. */
export function timeZones(): readonly string[] {
  return Intl.supportedValuesOf("timeZone");
}
