/**
 * Finds the address of a request's sender: the peer of its connection or, if that
 * is a trusted proxy, what it wrote into `X-Forwarded-For`. A client can forge the
 * rest of that header.
 *
 * https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
 *
 * @module
 */
import type { BlockList } from "node:net";
import { type Kind, listOf } from "../settings/kinds.ts";
import { builtin } from "./builtin.ts";
import { type Sender, UNKNOWN_SENDER } from "./router.ts";

const isIP = (text: string) => builtin("node:net").isIP(text);
const familyOf = (address: string) => isIP(address) === 4 ? "ipv4" : "ipv6";

/** Creates the function that finds the sender of a request, whose connection's peer it is given. */
export function createSenderReader(
  trustedProxies: readonly string[] = [],
): (peer: string, request: Request) => Sender {
  const trusted = trustedProxies.length > 0
    ? toBlockList(trustedProxies)
    : undefined;
  return (peer, request) => ({
    // Only found when it is read: most requests, turns among them, never need it.
    get address() {
      const address = peer.replace(/^::ffff:(?=[\d.]+$)/, "");
      if (address === "") return UNKNOWN_SENDER.address;
      if (trusted === undefined) return address;
      const forwarded = request.headers.get("x-forwarded-for") ?? "";
      return findClient(address, forwarded, trusted);
    },
  });
}

/** The most proxies that are followed; no real chain is longer. */
const MAX_PROXIES = 100;

/** Reads the header from its end, where the nearest proxy has written. */
function findClient(
  peer: string,
  forwarded: string,
  trusted: BlockList,
): string {
  let address = peer;
  let rest = forwarded;
  for (let proxies = 0; rest !== "" && proxies < MAX_PROXIES; proxies++) {
    if (!trusted.check(address, familyOf(address))) break;
    const at = rest.lastIndexOf(",");
    const before = toAddress(rest.slice(at + 1));
    // What is further left was not written by a trusted proxy.
    if (before === undefined) break;
    address = before;
    rest = rest.slice(0, Math.max(at, 0));
  }
  return address;
}

function toBlockList(ranges: readonly string[]) {
  const list = new (builtin("node:net").BlockList)();
  for (const range of ranges) {
    const [address = "", bits] = range.split("/");
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

/** Returns the part of an address that identifies one customer: of IPv6, the second half is the customer's choice. */
export function toNetwork(address: string): string {
  if (isIP(address) !== 6) return address;
  const given = address.split(":").filter((group) => group !== "");
  const zeros = ":0".repeat(8 - given.length);
  const groups = address.replace("::", `${zeros}:`).split(":");
  return `${groups.filter((it) => it !== "").slice(0, 4).join(":")}::/64`;
}

/** A setting that lists IP addresses and ranges. */
export const ranges: Kind<string[]> = listOf((range) => {
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
  const most = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || Number(bits) > most) {
    return `"${range}" is neither an address such as 10.0.0.2 nor a range ` +
      "such as 10.0.0.0/8";
  }
  return Number(bits) !== 0
    ? undefined
    : `"${range}" is every address, so that any sender could forge its ` +
      "address; name the addresses of your proxies";
});

/** Normalizes an address: removes port, brackets and zone, and turns an IPv4-mapped one into IPv4. */
function toAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const [, bracketed, short] =
    /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(trimmed) ?? [];
  const [address = ""] = (bracketed ?? short ?? trimmed).split("%", 1);
  const [, mapped = address] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (isIP(mapped) !== 6) return isIP(mapped) === 4 ? mapped : undefined;
  // The URL parser reads every spelling of an IPv6 address, and writes the canonical one.
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
