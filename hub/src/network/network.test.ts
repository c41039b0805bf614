import assert from "node:assert/strict";
import { test } from "node:test";

import { guardedLookup, isNeverAllowed, parseIp, parseProxy, parseRange, proxyFor, whyNoAddress, whyNoHost } from "./network.ts";

const loopback = ["127.0.0.0/8", "::1"];

test("B11 S16 link-local, metadata and group addresses are never asked, whatever is allowed, in any spelling", () => {
  const everything = ["0.0.0.0/0", "::/0", "169.254.0.0/16"];
  const lists = [
    ["169.254.169.254", "169.254.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    ["::", "fe80::1", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254", "FD00:0EC2:0:0::0254"],
    ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"],
  ];
  for (const ip of lists.flat()) {
    assert.match(whyNoAddress(ip, everything) ?? "", /never asked/, ip);
    assert.match(whyNoHost(ip.includes(":") ? `[${ip}]` : ip, everything) ?? "", /never asked/, ip);
  }
  assert.ok(whyNoAddress("not an address", everything) !== null, "what cannot be judged is not asked");
});

test("B11 the hub's own machine is asked only where network.allow names it", () => {
  for (const ip of ["127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]) {
    assert.match(whyNoAddress(ip, []) ?? "", /own machine/, ip);
    assert.equal(whyNoAddress(ip, loopback), null, ip);
  }
  for (const host of ["localhost", "LOCALHOST.", "x.localhost", "127.0.0.1", "[::1]"]) {
    assert.match(whyNoHost(host, ["10.0.0.0/8"]) ?? "", /own machine/, host);
    assert.equal(whyNoHost(host, loopback), null, host);
  }
  assert.match(whyNoAddress("127.0.0.1", ["127.0.0.2"]) ?? "", /own machine/);
});

test("private networks are asked: forges and registries stand there", () => {
  for (const ip of ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12:3456::1", "203.0.113.7", "2001:db8::1"])
    assert.equal(whyNoAddress(ip, []), null, ip);
  for (const host of ["git.example", "localhost.example", "127.example", "1.2.3"]) assert.equal(whyNoHost(host, []), null, host);
});

test("S16 a name that leads to a forbidden address is refused when it is connected to; one bad address of several is enough", async () => {
  const asked: string[] = [];
  const lookup = (allow: readonly string[], ...found: readonly string[]) =>
    new Promise<string>((resolve) => {
      const look = (name: string, options: { all: true }, done: (error: null, found: { address: string; family: number }[]) => void) => {
        asked.push(`${name} ${options.all}`);
        done(
          null,
          found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
      };
      guardedLookup(look, allow, (why) => new Error(why))("rebind.example", { all: false }, (error, address) =>
        resolve(error?.message ?? JSON.stringify(address)),
      );
    });
  assert.match(await lookup([], "127.0.0.1"), /own machine/);
  assert.match(await lookup(loopback, "203.0.113.7", "169.254.169.254"), /metadata/);
  assert.match(await lookup([], "::ffff:127.0.0.1"), /own machine/);
  assert.equal(await lookup([], "203.0.113.7"), '"203.0.113.7"');
  assert.equal(await lookup(loopback, "127.0.0.1"), '"127.0.0.1"');
  assert.deepEqual([...new Set(asked)], ["rebind.example true"]);
});

test("addresses and ranges are read strictly", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4.5",
    ":::",
    "1::2::3",
    "12345::",
    "::1.2.3",
    "g::",
    "1:2:3:4:5:6:7:8:9",
  ])
    assert.equal(parseIp(text), null, text);
  for (const text of ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "host", "10.0.0.0/8/8"]) assert.equal(parseRange(text), null, text);
  for (const text of ["1::", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:1.2.3.4"]) assert.ok(parseIp(text) !== null, text);
  const never = (text: string): boolean => {
    const range = parseRange(text);
    return range !== null && isNeverAllowed(range);
  };
  assert.deepEqual(["169.254.169.0/24", "fe80::/64", "127.0.0.0/8", "0.0.0.0/0"].map(never), [true, true, false, false]);
});

const proxy = { url: "http://proxy:3128" };
const direct: readonly (readonly [string, string, boolean])[] = [
  ["git.example", "https://git.example/x", true],
  ["git.example", "https://a.git.example/x", true],
  ["git.example", "https://widgit.example/x", false],
  ["Git.Example", "https://git.example/x", true],
  [".git.example", "https://git.example/x", false],
  [".git.example", "https://a.git.example/x", true],
  ["*.git.example", "https://a.git.example/x", true],
  ["git.example:443", "https://git.example/x", true],
  ["git.example:80", "http://git.example/x", true],
  ["git.example:8443", "https://git.example/x", false],
  ["10.0.0.0/8", "https://10.1.2.3/x", true],
  ["10.0.0.0/8", "https://11.1.2.3/x", false],
  ["10.0.0.0/8", "https://10.example/x", false],
  ["10.1.2.3", "http://10.1.2.3:3000/x", true],
  ["2.3", "http://10.1.2.3/x", false],
  ["::1", "http://[::1]:3000/x", true],
  ["*", "https://git.example/x", true],
  ["", "https://git.example/x", false],
];
for (const [rule, url, isDirect] of direct)
  test(`noProxy ${JSON.stringify(rule)} ${isDirect ? "is for" : "is not for"} ${url}`, () => {
    assert.equal(proxyFor({ http: proxy, https: proxy, noProxy: [rule] }, new URL(url)), isDirect ? null : proxy);
  });

test("each scheme has its own proxy, and ssh none", () => {
  const proxies = { http: null, https: proxy, noProxy: [] };
  assert.equal(proxyFor(proxies, new URL("https://git.example/x")), proxy);
  assert.equal(proxyFor(proxies, new URL("http://git.example/x")), null);
  assert.equal(proxyFor({ ...proxies, http: proxy }, new URL("ssh://git@git.example/x")), null);
});

test("S23 a proxy is read as it stands in an environment; its password is a secret", () => {
  const read = parseProxy("http://anna:c%40nary:x@proxy.example:3128/");
  assert.equal(read?.url, "http://proxy.example:3128");
  assert.deepEqual([read.credentials?.username, read.credentials?.password.reveal()], ["anna", "c@nary:x"]);
  assert.ok(!JSON.stringify(read).includes("nary"));
  assert.deepEqual(parseProxy("proxy:8080"), { url: "http://proxy:8080" });
  assert.deepEqual(parseProxy("http://proxy"), { url: "http://proxy:80" });
  for (const text of [
    "",
    "https://proxy:1",
    "socks5://proxy:1",
    "http://proxy/x",
    "http://proxy?x",
    "http://proxy:99999",
    "http://%zz@proxy:1",
  ])
    assert.equal(parseProxy(text), null, text);
});
