// deno-lint-ignore no-import-prefix -- for tests alone, so not in deno.json
import { verifySignature } from "npm:@layercode/node-server-sdk@1.2.1";
import { createHmac } from "node:crypto";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  sign,
  TOLERANCE_SECONDS,
  verify,
} from "../../../src/platforms/layercode/verify.ts";

const SECRET = "whsec_a_fixed_secret";
const TIME = 1_700_000_000;

/**
 * Made without this project's code:
 * `printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_a_fixed_secret`
 */
const HEX = "5c7786a719afe2c4c9ea3adbb8111dc327b138b799ea431c1c0618ff5fb67a76";

const MISSING = "The layercode-signature header is missing";
const MALFORMED =
  "The layercode-signature header is not of the form t=<unix seconds>,v1=<hex>";
const EXPIRED =
  "The signature is older than five minutes or from the future: check the clocks";
const MISMATCH =
  "The signature does not match: check LAYERCODE_WEBHOOK_SECRET against the dashboard";

/** Verifies `{}`, correctly signed just now, except for what a test changes. */
function check(changes: Partial<Parameters<typeof verify>[0]> = {}) {
  return verify({
    signature: `t=${TIME},v1=${HEX}`,
    body: bytes("{}"),
    secrets: [SECRET],
    nowSeconds: TIME,
    ...changes,
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bodies and their signatures at `TIME` with `SECRET`, made with openssl. */
const VECTORS: [what: string, body: Uint8Array, hex: string][] = [
  ["an empty object", bytes("{}"), HEX],
  [
    "an event",
    bytes('{"type":"message","text":"Hello"}'),
    "2b47623eec484f71d9148d883f86c66b3a28c5ff81605e0fbc4a289949ed3543",
  ],
  [
    "a body in UTF-8",
    bytes('{"text":"Grüße, 世界 👋🏽"}'),
    "6160fe520dc9b0dd34d4c4029835699761fb8d9c4f3a92fe0917923cd5944bab",
  ],
  [
    "an empty body",
    bytes(""),
    "bf220823c01e0989239ca07c0ddbc55071f4d0c0a156a4b0d006e2a719c3c6a9",
  ],
  [
    "a body with blanks and a line break",
    bytes('{ "type" : "message" }\n'),
    "120c361fc61550e64ee6c6a4c1d81348c84bfadfc82b0d8d5c78af3cc6e8f72e",
  ],
  [
    "bytes that are no text",
    Uint8Array.of(0xff, 0xfe, 0x00, 0x80),
    "2f731c4aef3d6953f193998cbb371f07125146abb9d19677368fa0362cf11c92",
  ],
];

for (const [what, body, hex] of VECTORS) {
  Deno.test(`verify() accepts ${what} as openssl signs it`, () => {
    assertEquals(check({ body, signature: `t=${TIME},v1=${hex}` }), undefined);
  });

  Deno.test(`sign() signs ${what} as openssl does`, () => {
    assertEquals(sign(body, SECRET, TIME), `t=${TIME},v1=${hex}`);
  });
}

Deno.test("sign() drops fractions of a second", () => {
  assertEquals(sign(bytes("{}"), SECRET, TIME + 0.999), `t=${TIME},v1=${HEX}`);
});

Deno.test("verify() encodes a secret as UTF-8", () => {
  const hex =
    "04b7e98f1f45f63138bb89c6d22c6e95055518cfc6ae695efe5ae4aa52bacc17";
  const signature = `t=${TIME},v1=${hex}`;
  assertEquals(check({ signature, secrets: ["sécrèt 🔑"] }), undefined);
});

Deno.test("verify() accepts hex in upper case", () => {
  const signature = `t=${TIME},v1=${HEX.toUpperCase()}`;
  assertEquals(check({ signature }), undefined);
});

Deno.test("TOLERANCE_SECONDS is five minutes", () => {
  assertEquals(TOLERANCE_SECONDS, 300);
});

for (
  const [age, expected] of [
    [299, undefined],
    [300, undefined],
    [301, EXPIRED],
    [-299, undefined],
    [-300, undefined],
    [-301, EXPIRED],
    [86_400, EXPIRED],
  ] as const
) {
  const outcome = expected === undefined ? "accepts" : "refuses";
  Deno.test(`verify() ${outcome} a signature that is ${age} s old`, () => {
    assertEquals(check({ nowSeconds: TIME + age }), expected);
  });
}

for (
  const [what, secrets] of [
    ["the only one", [SECRET]],
    ["the first", [SECRET, "b", "c"]],
    ["one in the middle", ["a", SECRET, "c"]],
    ["the last", ["a", "b", SECRET]],
    ["one after an empty one", ["", SECRET]],
  ] as const
) {
  Deno.test(`verify() accepts the right secret when it is ${what}`, () => {
    assertEquals(check({ secrets }), undefined);
  });
}

for (
  const [what, secrets] of [
    ["there is no secret", []],
    ["the secret is another", ["whsec_another"]],
    ["the secret is cut short", [SECRET.slice(0, -1)]],
    ["the secret has a blank at its end", [`${SECRET} `]],
    ["only other secrets are there", ["a", "b", ""]],
  ] as const
) {
  Deno.test(`verify() refuses when ${what}`, () => {
    assertEquals(check({ secrets }), MISMATCH);
  });
}

Deno.test("verify() never matches an empty secret", () => {
  const hex =
    "a9dc44c8eda3de70e9cbf3e488895f1abc26acb1461d3124a3cb886af35251cf";
  const signature = `t=${TIME},v1=${hex}`;
  assertEquals(sign(bytes("{}"), "", TIME), signature);
  assertEquals(check({ signature, secrets: [""] }), MISMATCH);
  assertEquals(check({ signature, secrets: ["", SECRET] }), MISMATCH);
});

for (
  const [what, body] of [
    ["gains a blank", "{} "],
    ["gains a line break", "{}\n"],
    ["gains a byte order mark", "\uFEFF{}"],
    ["loses a byte", "{"],
    ["is gone", ""],
    ["changes", "[]"],
  ] as const
) {
  Deno.test(`verify() refuses a body that ${what} after it was signed`, () => {
    assertEquals(check({ body: bytes(body) }), MISMATCH);
  });
}

Deno.test("verify() refuses a body that was parsed and serialized again", () => {
  const raw = '{ "type" : "message" }\n';
  const signature = sign(bytes(raw), SECRET, TIME);
  const again = bytes(JSON.stringify(JSON.parse(raw)));
  assertEquals(check({ signature, body: bytes(raw) }), undefined);
  assertEquals(check({ signature, body: again }), MISMATCH);
});

Deno.test("verify() refuses a signature whose time was changed", () => {
  const signature = `t=${TIME + 1},v1=${HEX}`;
  assertEquals(check({ signature }), MISMATCH);
});

Deno.test("verify() refuses a signature with any digit changed", () => {
  for (let at = 0; at < HEX.length; at++) {
    const other = HEX[at] === "0" ? "1" : "0";
    const hex = HEX.slice(0, at) + other + HEX.slice(at + 1);
    assertEquals(check({ signature: `t=${TIME},v1=${hex}` }), MISMATCH);
  }
});

for (const signature of [null, ""]) {
  Deno.test(`verify() says that the header is missing when it is ${JSON.stringify(signature)}`, () => {
    assertEquals(check({ signature }), MISSING);
  });
}

const WRONG_FORMS: [what: string, signature: string][] = [
  ["of blanks", "   "],
  ["without a time", `v1=${HEX}`],
  ["with an empty time", `t=,v1=${HEX}`],
  ["with a time that is no number", `t=now,v1=${HEX}`],
  ["with a negative time", `t=-${TIME},v1=${HEX}`],
  ["with a fraction of a second", `t=${TIME}.5,v1=${HEX}`],
  ["with a time in hex", `t=0x6553f100,v1=${HEX}`],
  ["with a time of 13 digits", `t=${TIME}000,v1=${HEX}`],
  ["with digits of another script", `t=١٧٠٠٠٠٠٠٠٠,v1=${HEX}`],
  ["without v1", `t=${TIME}`],
  ["with an empty v1", `t=${TIME},v1=`],
  ["with v0 for v1", `t=${TIME},v0=${HEX}`],
  ["with the parts the other way round", `v1=${HEX},t=${TIME}`],
  ["with two times", `t=${TIME},t=${TIME},v1=${HEX}`],
  ["with two signatures", `t=${TIME},v1=${HEX},v1=${HEX}`],
  ["with hex that is too short", `t=${TIME},v1=${HEX.slice(2)}`],
  ["with hex that is too long", `t=${TIME},v1=${HEX}00`],
  ["with hex that is no hex", `t=${TIME},v1=${"g".repeat(64)}`],
  ["with base64 for hex", `t=${TIME},v1=${btoa(HEX).slice(0, 64)}`],
  ["with a blank before it", ` t=${TIME},v1=${HEX}`],
  ["with a blank after it", `t=${TIME},v1=${HEX} `],
  ["with a blank after the comma", `t=${TIME}, v1=${HEX}`],
  ["with a line break after it", `t=${TIME},v1=${HEX}\n`],
  ["with something before it", `x=1,t=${TIME},v1=${HEX}`],
  ["with something after it", `t=${TIME},v1=${HEX},x=1`],
  ["with a good part on a second line", `x\nt=${TIME},v1=${HEX}`],
  ["of a million characters", `t=${TIME},v1=${"0".repeat(1_000_000)}`],
  ["of a million digits of time", `t=${"1".repeat(1_000_000)},v1=${HEX}`],
];

for (const [what, signature] of WRONG_FORMS) {
  Deno.test(`verify() calls a header ${what} malformed`, () => {
    assertEquals(check({ signature }), MALFORMED);
  });
}

/** The official SDK's result for a signature made just now. */
function sdkAccepts(payload: string, signature: string, secret = SECRET) {
  return verifySignature({ payload, signature, secret });
}

/** Parley's result for it. */
function weAccept(payload: string, signature: string, secret = SECRET) {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return verify({
    signature,
    body: bytes(payload),
    secrets: [secret],
    nowSeconds,
  }) === undefined;
}

Deno.test("sign() makes what the official SDK accepts", () => {
  for (const payload of ["{}", "", '{"text":"Grüße, 世界 👋🏽"}', "a\nb"]) {
    const signature = sign(bytes(payload), SECRET, Date.now() / 1000);
    assertMatch(signature, /^t=\d{10},v1=[0-9a-f]{64}$/);
    assert(sdkAccepts(payload, signature), `The SDK refuses "${payload}"`);
    assert(weAccept(payload, signature), `We refuse "${payload}"`);
  }
});

Deno.test("verify() refuses what the official SDK refuses", () => {
  const now = Math.floor(Date.now() / 1000);
  const signature = sign(bytes("{}"), SECRET, now);
  const tampered: [payload: string, signature: string, secret: string][] = [
    ["{ }", signature, SECRET],
    ["{}", signature, "whsec_another"],
    ["{}", signature.replace("v1", "v2"), SECRET],
    ["{}", signature.replace(`t=${now}`, `t=${now - 1}`), SECRET],
    ["{}", signature.slice(0, -2), SECRET],
    ["{}", sign(bytes("{}"), SECRET, now - 400), SECRET],
    ["{}", sign(bytes("{}"), SECRET, now + 400), SECRET],
  ];
  for (const [payload, header, secret] of tampered) {
    const what = JSON.stringify({ payload, header, secret });
    assertEquals(sdkAccepts(payload, header, secret), false, `SDK: ${what}`);
    assertEquals(weAccept(payload, header, secret), false, `We: ${what}`);
  }
});

Deno.test("verify() refuses an empty secret, which the official SDK accepts", () => {
  const signature = sign(bytes("{}"), "", Date.now() / 1000);
  assertEquals(sdkAccepts("{}", signature, ""), true);
  assertEquals(weAccept("{}", signature, ""), false);
});

Deno.test("verify() refuses junk around the header, which the official SDK accepts", () => {
  const signature = sign(bytes("{}"), SECRET, Date.now() / 1000);
  for (const header of [`junk ${signature}`, `${signature} junk`]) {
    assertEquals(sdkAccepts("{}", header), true, header);
    assertEquals(weAccept("{}", header), false, header);
  }
});

Deno.test("sign() makes the HMAC that Node makes, of secrets of any length", () => {
  for (const length of [1, 63, 64, 65, 200]) {
    const secret = "é".repeat(length);
    const hmac = createHmac("sha256", secret).update("5.{}").digest("hex");
    assertEquals(sign(bytes("{}"), secret, 5), `t=5,v1=${hmac}`);
  }
});
