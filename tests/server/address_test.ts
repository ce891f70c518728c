import { assertEquals, assertThrows } from "@std/assert";
import {
  createSenderReader,
  ranges,
  toNetwork,
} from "../../src/server/address.ts";
import { SettingError } from "../../src/settings/setting.ts";

interface Case {
  what: string;
  peer: string;
  forwarded?: string;
  trusted?: string;
  address: string;
}

const CASES: Case[] = [
  {
    what: "the connection's address where no proxy is trusted",
    peer: "203.0.113.9",
    forwarded: "198.51.100.1",
    address: "203.0.113.9",
  },
  {
    what: "the connection's address where another proxy is trusted",
    peer: "203.0.113.9",
    forwarded: "198.51.100.1",
    trusted: "10.0.0.0/8",
    address: "203.0.113.9",
  },
  {
    what: "what a trusted proxy says",
    peer: "10.1.2.3",
    forwarded: "198.51.100.1",
    trusted: "10.0.0.0/8",
    address: "198.51.100.1",
  },
  {
    what: "what the proxy wrote last, not what its client claims",
    peer: "10.1.2.3",
    forwarded: "192.0.2.1, 10.9.9.9, 198.51.100.1",
    trusted: "10.0.0.0/8",
    address: "198.51.100.1",
  },
  {
    what: "the first stranger from the right of a chain of proxies",
    peer: "127.0.0.1",
    forwarded: "192.0.2.1, 198.51.100.1, 10.0.0.7 ,10.0.0.8",
    trusted: "127.0.0.1, 10.0.0.0/8",
    address: "198.51.100.1",
  },
  {
    what: "the furthest proxy where there are but proxies",
    peer: "127.0.0.1",
    forwarded: "10.0.0.7, 10.0.0.8",
    trusted: "127.0.0.1,10.0.0.0/8",
    address: "10.0.0.7",
  },
  {
    what: "the last known address where the next is garbage",
    peer: "127.0.0.1",
    forwarded: "198.51.100.1, unknown, 10.0.0.8",
    trusted: "127.0.0.1,10.0.0.0/8",
    address: "10.0.0.8",
  },
  {
    what: "the proxy's address where it says nothing",
    peer: "127.0.0.1",
    trusted: "127.0.0.1",
    address: "127.0.0.1",
  },
  {
    what: "the proxy's address where the header ends in a comma",
    peer: "127.0.0.1",
    forwarded: "198.51.100.1,",
    trusted: "127.0.0.1",
    address: "127.0.0.1",
  },
  {
    what: "an address without its port",
    peer: "127.0.0.1",
    forwarded: "198.51.100.1:4711",
    trusted: "127.0.0.1",
    address: "198.51.100.1",
  },
  {
    what: "an IPv6 address without brackets and port, in one spelling",
    peer: "fd00::2",
    forwarded: "[2001:DB8:0:0::1]:4711",
    trusted: "fd00::/8",
    address: "2001:db8::1",
  },
  {
    what: "an IPv4 address that is written as IPv6",
    peer: "::ffff:10.0.0.1",
    forwarded: "::ffff:198.51.100.1",
    trusted: "10.0.0.1",
    address: "198.51.100.1",
  },
  {
    what: "an address just outside a range",
    peer: "172.32.0.1",
    forwarded: "198.51.100.1",
    trusted: "172.16.0.0/12",
    address: "172.32.0.1",
  },
  {
    what: "an IPv6 address just outside a range",
    peer: "2001:db8:1::1",
    forwarded: "198.51.100.1",
    trusted: "2001:db8::/48",
    address: "2001:db8:1::1",
  },
  {
    what: "nothing of a connection without an address",
    peer: "",
    address: "unknown",
  },
];

for (const { what, peer, forwarded, trusted, address } of CASES) {
  Deno.test(`createSenderReader() finds ${what}`, () => {
    const proxies = trusted ? ranges.parse(trusted, "TRUSTED_PROXIES") : [];
    const headers = new Headers(
      forwarded ? { "x-forwarded-for": forwarded } : {},
    );
    const request = new Request("http://parley.test", { headers });
    const sender = createSenderReader(proxies)(peer, request);
    assertEquals(sender.address, address);
  });
}

Deno.test("createSenderReader() reads an endless header in no time", () => {
  const read = createSenderReader(["127.0.0.1"]);
  const headers = {
    "x-forwarded-for": "127.0.0.1,".repeat(100_000) + "127.0.0.1",
  };
  const request = new Request("http://parley.test", { headers });
  const startedAt = performance.now();
  assertEquals(read("127.0.0.1", request).address, "127.0.0.1");
  assertEquals(performance.now() - startedAt < 2_000, true);
});

Deno.test("toNetwork() takes all addresses of an IPv6 customer for one", () => {
  assertEquals(toNetwork("198.51.100.1"), "198.51.100.1");
  assertEquals(toNetwork("2001:db8::1"), toNetwork("2001:db8::ffff:1:2:3"));
  assertEquals(toNetwork("2001:db8::1"), "2001:db8:0:0::/64");
  assertEquals(toNetwork("::1"), "0:0:0:0::/64");
  assertEquals(toNetwork("1:2:3:4:5:6:7:8"), "1:2:3:4::/64");
  assertEquals(toNetwork("unknown"), "unknown");
});

Deno.test("ranges takes addresses and ranges", () => {
  assertEquals(ranges.parse("127.0.0.1, ::1,10.0.0.0/8,fd00::/8", "X"), [
    "127.0.0.1",
    "::1",
    "10.0.0.0/8",
    "fd00::/8",
  ]);
});

for (
  const wrong of [
    "localhost",
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "10.0.0/8",
    "fd00::/129",
    "10.0.0.1:80",
  ]
) {
  Deno.test(`ranges refuses "${wrong}" and says what it takes`, () => {
    assertThrows(
      () => ranges.parse(`127.0.0.1,${wrong}`, "TRUSTED_PROXIES"),
      SettingError,
      `TRUSTED_PROXIES: "${wrong}" is neither an address`,
    );
  });
}

for (const all of ["0.0.0.0/0", "::/0"]) {
  Deno.test(`ranges refuses ${all}, with which any sender could forge its address`, () => {
    assertThrows(() => ranges.parse(all, "X"), SettingError, "every address");
  });
}
