/**
 * A signed webhook that follows no redirect, unlike Layercode's client for
 * tools: a redirect is what is to be found out.
 *
 * @module
 */
import type { ClientOptions } from "../layercode/client.ts";
import { sign } from "../layercode/verify.ts";

/**
 * Signs and sends an event.
 *
 * @throws {TypeError} when the server can't be reached
 */
export function sendSigned(
  event: Record<string, unknown>,
  { url, secret, signal }: ClientOptions & { signal: AbortSignal },
): Promise<Response> {
  const body = new TextEncoder().encode(JSON.stringify(event));
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "layercode-signature": sign(body, secret, Date.now() / 1000),
    },
    body,
    redirect: "manual",
    signal,
  });
}
