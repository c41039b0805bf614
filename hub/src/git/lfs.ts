// Git LFS keeps a small text in Git in place of a file. Taken for the file it would be rendered, so it is recognised and refused (B14).
// Form: git-lfs, docs/spec.md: lines of `key value`, `version` first.

const bytesMax = 1_024;

/** True for the text that stands for a file of Git LFS. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  if (bytes.length > bytesMax || bytes[0] !== 0x76) return false; // "v"
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return (
    /^version https?:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\/v1\n/.test(text) &&
    /^oid sha256:[0-9a-f]{64}$/m.test(text) &&
    /^size \d+$/m.test(text)
  );
}
