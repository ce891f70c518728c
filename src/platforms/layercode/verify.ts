/**
 * Verifies that a webhook was signed with the secret:
 * `layercode-signature: t=<unix seconds>,v1=<hex>` where `v1` is
 * HMAC-SHA256(secret, t + "." + body), over the exact bytes received.
 *
 * https://docs.layercode.com/explanations/webhooks
 *
 * @module
 */
import { nodeCrypto, timingSafeEquals } from "../../server/builtin.ts";

/** How far a signature's time may differ from now, in seconds. */
export const TOLERANCE_SECONDS = 300;

/**
 * Checks a signature. Returns `undefined` if it is valid with any of the secrets, or
 * why it is refused. Empty secrets never match.
 *
 * @param signature the `layercode-signature` header
 */
export function verify(
  { signature, body, secrets, nowSeconds }: {
    signature: string | null;
    body: Uint8Array;
    secrets: readonly string[];
    nowSeconds: number;
  },
): string | undefined {
  if (!signature) return "The layercode-signature header is missing";
  // The whole header has to match, so that nothing else can be hidden in it.
  const [, time, hex] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/i.exec(signature) ??
    [];
  if (time === undefined || hex === undefined) {
    return "The layercode-signature header is not of the form t=<unix seconds>,v1=<hex>";
  }
  if (Math.abs(nowSeconds - Number(time)) > TOLERANCE_SECONDS) {
    return "The signature is older than five minutes or from the future: check the clocks";
  }
  const given = hex.toLowerCase();
  let matched = false;
  for (const secret of secrets) {
    if (secret === "") continue;
    // No early exit: the time taken must not reveal which secret matched.
    if (timingSafeEquals(given, toHex(secret, time, body))) matched = true;
  }
  return matched
    ? undefined
    : "The signature does not match: check LAYERCODE_WEBHOOK_SECRET against the dashboard";
}

/** Signs a body as Layercode does. */
export function sign(
  body: Uint8Array,
  secret: string,
  nowSeconds: number,
): string {
  const time = String(Math.floor(nowSeconds));
  return `t=${time},v1=${toHex(secret, time, body)}`;
}

// HMAC by its definition (RFC 2104): `createHmac` takes twice as long, while the
// caller waits, since it creates two streams and derives the keys each time.

function toHex(secret: string, time: string, body: Uint8Array): string {
  const { createHash } = nodeCrypto();
  const { inner, outer } = toPads(secret);
  const hash = createHash("sha256").update(inner).update(`${time}.`)
    .update(body).digest();
  return createHash("sha256").update(outer).update(hash).digest("hex");
}

const BLOCK_BYTES = 64;

/** The padded keys of each secret, as RFC 2104 calls them. The owner's secrets are few. */
const pads = new Map<string, { inner: Uint8Array; outer: Uint8Array }>();

function toPads(secret: string) {
  const known = pads.get(secret);
  if (known) return known;
  const bytes = new TextEncoder().encode(secret);
  const key = bytes.length > BLOCK_BYTES
    ? nodeCrypto().createHash("sha256").update(bytes).digest()
    : bytes;
  const toPad = (byte: number) =>
    Uint8Array.from({ length: BLOCK_BYTES }, (_, at) => (key[at] ?? 0) ^ byte);
  const made = { inner: toPad(0x36), outer: toPad(0x5c) };
  pads.set(secret, made);
  return made;
}
