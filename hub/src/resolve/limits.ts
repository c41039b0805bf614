// The bounds of resolving. Reaching one is an error that names it.

export const resolveLimits = {
  /** Apps in a line of Apps of Apps, the first one counted. */
  depthMax: 8,
  /** Apps of one Tenant. */
  appsPerTenantMax: 20_000,
} as const;
