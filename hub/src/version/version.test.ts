import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  compareVersions,
  highestInRange,
  inRange,
  isFullVersion,
  parseRange,
  parseVersion,
  type Version,
  type VersionRange,
} from "./version.ts";

const version = (text: string): Version => parseVersion(text) ?? assert.fail(`${text} is no version`);
const range = (text: string): VersionRange => parseRange(text) ?? assert.fail(`${text} is no range`);

// Each line: a range, what lies in it, what does not. They are what Helm 4 answers.
const table: readonly (readonly [string, string, string])[] = [
  ["1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2.3-rc.1"],
  ["v1.2.3", "1.2.3", "1.2.2"],
  ["1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"],
  ["1", "1.0.0 1.9.9", "2.0.0 0.9.0"],
  ["1.x", "1.0.0 1.9.9", "2.0.0"],
  ["*", "0.0.1 12.0.0", "1.0.0-rc.1"],
  ["^1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"],
  ["^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"],
  ["^0.0.3", "0.0.3", "0.0.4"],
  ["^0", "0.0.1 0.9.0", "1.0.0"],
  ["~1.4", "1.4.0 1.4.9", "1.5.0"],
  ["~1", "1.0.0 1.9.0", "2.0.0"],
  ["~> 1.4.2", "1.4.2 1.4.9", "1.4.1 1.5.0"],
  [">=1 <2", "1.0.0 1.99.0", "2.0.0 0.9.9"],
  [">= 1.2, < 1.4 || ^3", "1.2.0 1.3.9 3.4.5", "1.4.0 2.0.0"],
  [">1.1", "1.2.0 2.0.0", "1.1.0 1.1.9"],
  [">1", "2.0.0", "1.9.9"],
  ["<=1.1", "1.1.9 0.1.0", "1.2.0"],
  ["!=1.2.x", "1.3.0", "1.2.5"],
  ["1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.9"],
  [">=1.0.0-0", "1.0.0-rc.1 1.0.0 2.0.0-beta", "0.9.9"],
  ["^1.2.0-beta", "1.2.0-beta 1.2.0-rc.1 1.3.0-alpha 1.2.0", "1.2.0-alpha 2.0.0"],
];

for (const [text, inside, outside] of table) {
  test(`the range ${text} holds ${inside}, and not ${outside}`, () => {
    for (const each of inside.split(" ")) assert.ok(inRange(version(each), range(text)), each);
    for (const each of outside.split(" ")) assert.ok(!inRange(version(each), range(text)), each);
  });
}

test("what is no range or no version is said to be none", () => {
  for (const text of [
    "",
    "latest",
    ">",
    "1.2.3.4",
    "1..2",
    ">1<2",
    "1,,2",
    "1 ||",
    "=>=1",
    "1.2.3 -",
    "x".repeat(600),
    "1||".repeat(40) + "1",
  ])
    assert.equal(parseRange(text), null, text);
  for (const text of ["", "x", "1.x", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "../1", "1.2.3\n", "9007199254740993.0.0", "1".repeat(300)])
    assert.equal(parseVersion(text), null, text);
});

test("the highest version of a range wins, and the text stays as it was written", () => {
  const tags = ["1.0.0", "v1.10.0", "1.9.0", "latest", "2.0.0-rc.1", "1.9.1_build"];
  assert.equal(highestInRange(tags, range("^1")), "v1.10.0");
  assert.equal(highestInRange(tags, range("*")), "v1.10.0");
  assert.equal(highestInRange(tags, range(">=2.0.0-0")), "2.0.0-rc.1");
  assert.equal(highestInRange(tags, range("^3")), null);
});

test("only all three numbers without a v are a full version", () => {
  assert.deepEqual(["1.2.3", "1.2.3-rc.1+b", "v1.2.3", "1.2", "latest"].map(isFullVersion), [true, true, false, false, false]);
});

test("prereleases are ordered as the specification of semantic versions orders them", () => {
  const rising = ["1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0"];
  const shuffled = rising.toReversed().toSorted((a, b) => compareVersions(version(a), version(b)));
  assert.deepEqual(shuffled, rising);
});

test("any order of the same tags gives the same highest version", () => {
  const tag = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom("", "-rc.1", "-rc.2")).map(([a, b, c, d]) => `${a}.${b}.${c}${d}`);
  fc.assert(
    fc.property(
      fc.uniqueArray(tag, { minLength: 1, maxLength: 12 }),
      fc.constantFrom("*", "^1", ">=1.0.0-0", "~2.1", "<3"),
      (tags, text) => {
        const forward = highestInRange(tags, range(text));
        assert.equal(highestInRange(tags.toReversed(), range(text)), forward);
        if (forward !== null)
          for (const each of tags)
            if (inRange(version(each), range(text))) assert.ok(compareVersions(version(each), version(forward)) <= 0);
      },
    ),
  );
});
