import { assertEquals } from "@std/assert";
import { isWelcome } from "../../src/playground/guard.ts";

interface Case {
  url?: string;
  method?: string;
  headers?: Record<string, string>;
  address?: string | undefined;
  isLocalOnly?: boolean;
}

function ask(
  { url = "http://localhost:3000/", method = "GET", ...rest }: Case,
): boolean {
  const { headers = {}, isLocalOnly = false } = rest;
  const address = "address" in rest ? rest.address : "127.0.0.1";
  return isWelcome(
    new Request(url, { method, headers }),
    address === undefined ? undefined : { address },
    isLocalOnly,
  );
}

function post(headers: Record<string, string>, more: Case = {}): boolean {
  return ask({ method: "POST", headers, ...more });
}

Deno.test("isWelcome() lets this machine in, by any of its names", () => {
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(ask({ address, isLocalOnly: true }), true, address);
  }
});

Deno.test("isWelcome() lets no other machine in beside a secret of the owner's", () => {
  for (
    const address of [
      "192.168.1.2",
      "10.0.0.1",
      "8.8.8.8",
      "::ffff:8.8.8.8",
      "fe80::1",
    ]
  ) {
    assertEquals(ask({ address, isLocalOnly: true }), false, address);
    assertEquals(ask({ address }), true, address);
  }
  assertEquals(ask({ address: undefined, isLocalOnly: true }), false);
});

Deno.test("isWelcome() lets nobody in through a proxy or a tunnel", () => {
  for (
    const name of [
      "x-forwarded-for",
      "X-Forwarded-Host",
      "x-forwarded-proto",
      "forwarded",
      "via",
      "x-real-ip",
      "cf-connecting-ip",
      "cf-ray",
      "CF-Visitor",
      "true-client-ip",
      "fly-client-ip",
      "ngrok-trace-id",
      "tailscale-user-login",
      "tailscale-funnel-request",
      "cdn-loop",
      "x-forwarded",
      "forwarded-for",
      "x-original-host",
      "x-original-forwarded-for",
      "x-cluster-client-ip",
      "x-envoy-external-address",
      "x-amzn-trace-id",
      "x-azure-clientip",
    ]
  ) {
    const headers = { [name]: "127.0.0.1" };
    assertEquals(ask({ headers }), false, name);
    assertEquals(ask({ headers, isLocalOnly: true }), false, name);
  }
});

Deno.test("isWelcome() lets no browser in through an nginx that names nobody", () => {
  // Its defaults: HTTP/1.0, `Host` as proxy_pass spells it, no other header.
  const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64)" };
  const close = { connection: "close" };
  assertEquals(ask({ headers: { ...close, ...browser } }), false);
  assertEquals(
    ask({ headers: { ...close, "sec-fetch-mode": "navigate" } }),
    false,
  );
  assertEquals(
    ask({ headers: { connection: "keep-alive", ...browser } }),
    true,
  );
  // A script on this machine may close its connection, too.
  const script = { "user-agent": "Python-urllib/3.13" };
  assertEquals(ask({ headers: { ...close, ...script } }), true);
});

Deno.test("isWelcome() takes other headers for no proxy's", () => {
  for (const name of ["x-request-id", "dnt", "save-data", "viaduct", "x-via"]) {
    assertEquals(ask({ headers: { [name]: "1" } }), true, name);
  }
});

Deno.test("isWelcome() wants this machine's own names beside a secret of the owner's", () => {
  const isLocalOnly = true;
  for (
    const host of [
      "localhost:3000",
      "127.0.0.1:3000",
      "127.0.1.1",
      "[::1]:3000",
      "0.0.0.0:3000",
      "box:3000",
      "parley.localhost",
    ]
  ) {
    assertEquals(ask({ url: `http://${host}/`, isLocalOnly }), true, host);
  }
  // A TCP tunnel (ssh -R) comes from the loopback, and under its own address.
  for (const host of ["203.0.113.9", "192.168.1.2", "[2001:db8::1]", "a.lan"]) {
    assertEquals(ask({ url: `http://${host}/`, isLocalOnly }), false, host);
  }
});

Deno.test("isWelcome() wants a host's name that no stranger can own", () => {
  for (
    const host of [
      "localhost:3000",
      "127.0.0.1:3000",
      "[::1]:3000",
      "192.168.1.2",
      "box:3000",
      "box.local",
      "parley.localhost",
      "parley.internal",
      "pi.home.arpa",
    ]
  ) {
    assertEquals(ask({ url: `http://${host}/` }), true, host);
  }
  // Names that may be made to point here: DNS rebinding.
  for (
    const host of [
      "example.com",
      "127.0.0.1.nip.io",
      "localhost.example.com",
      "local.example",
      "evillocal.com",
      "abc.trycloudflare.com",
      "abc.ngrok-free.app",
    ]
  ) {
    assertEquals(ask({ url: `http://${host}/` }), false, host);
    assertEquals(ask({ url: `http://${host}/`, isLocalOnly: true }), false);
  }
});

Deno.test("isWelcome() lets no other site's page send a turn", () => {
  const url = "http://localhost:3000/playground/turn";
  assertEquals(post({ "sec-fetch-site": "same-origin" }, { url }), true);
  assertEquals(post({ "sec-fetch-site": "none" }, { url }), true);
  assertEquals(post({}, { url }), true, "no browser");
  assertEquals(post({ origin: "http://localhost:3000" }, { url }), true);
  for (const site of ["cross-site", "same-site"]) {
    assertEquals(post({ "sec-fetch-site": site }, { url }), false, site);
  }
  for (
    const origin of [
      "https://example.com",
      "http://localhost:5173",
      "http://127.0.0.1:3000",
      "null",
      "file://",
    ]
  ) {
    assertEquals(post({ origin }, { url }), false, origin);
  }
});

Deno.test("isWelcome() lets a link of another site lead to the page", () => {
  assertEquals(ask({ headers: { "sec-fetch-site": "cross-site" } }), true);
});
