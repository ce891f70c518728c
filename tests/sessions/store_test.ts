import { assertEquals } from "@std/assert";
import { Cache } from "../../src/sessions/_store.ts";
import { Session } from "../../src/sessions/session.ts";
import { user } from "./contract.ts";

function make(id: string, text = "", isBusy = false) {
  const session = new Session("any");
  session.apply(user("t1", text));
  return { id, session, isBusy };
}

const { bytes: SMALL } = make("a").session;

Deno.test("Cache drops what was used the longest ago, by bytes", () => {
  const cache = new Cache(3 * SMALL);
  for (const id of ["a", "b", "c"]) cache.keep(make(id));
  const a = cache.get("a");
  if (a) cache.keep(a);
  cache.keep(make("d"));
  const kept = ["a", "b", "c", "d"].map((id) => cache.get(id) !== undefined);
  assertEquals(kept, [true, false, true, true]);
  assertEquals(cache.bytes, 3 * SMALL);
});

Deno.test("Cache counts what a conversation has grown by", () => {
  const cache = new Cache(4 * SMALL);
  const grown = make("b");
  cache.keep(make("a"));
  cache.keep(grown);
  grown.session.apply(user("t1", "x".repeat(SMALL)));
  const { bytes } = grown.session;
  assertEquals(cache.bytes, 2 * SMALL);
  cache.keep(grown);
  assertEquals(cache.bytes, SMALL + bytes);
  cache.keep(make("c"));
  assertEquals(cache.get("a"), undefined);
  assertEquals(cache.get("b"), grown);
  assertEquals(cache.bytes, SMALL + bytes);
});

Deno.test("Cache keeps what a turn is at work on, however much it is", () => {
  const cache = new Cache(SMALL);
  cache.keep(make("open", "x".repeat(10 * SMALL), true));
  cache.keep(make("a"));
  assertEquals(cache.get("open") !== undefined, true);
  assertEquals(cache.get("a"), undefined);
});
