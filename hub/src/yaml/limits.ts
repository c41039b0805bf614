// The bounds of reading YAML. Reaching one is an error that names it.

export type YamlLimits = {
  /** UTF-16 units of one file. */
  readonly charsMax: number;
  readonly documentsMax: number;
  /** Nesting, counted with what aliases bring. */
  readonly depthMax: number;
  /** How often aliases of lists and maps are followed in one document, counted as if every alias were written out. */
  readonly aliasesMax: number;
  /** Keys and values of one file; also the values of one document, counted as if every alias were written out. */
  readonly nodesMax: number;
  /** Text of one document as if every alias were written out. */
  readonly expandedCharsMax: number;
  /** Keys brought in by `<<` in one document. */
  readonly mergedKeysMax: number;
};

export const defaultLimits: YamlLimits = {
  charsMax: 32 * 1024 * 1024,
  documentsMax: 10_000,
  depthMax: 100,
  aliasesMax: 10_000,
  nodesMax: 2_000_000,
  expandedCharsMax: 64 * 1024 * 1024,
  mergedKeysMax: 10_000,
};
