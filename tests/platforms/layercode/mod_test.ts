import { assertEquals } from "@std/assert";
import type { Conversations } from "../../../src/conversation/conversation.ts";
import { layercode } from "../../../src/platforms/layercode/mod.ts";
import { createLog } from "../../../src/server/log.ts";

Deno.test("layercode() has Layercode's paths, the older ones among them", () => {
  const parts = {
    conversations: {} as Conversations,
    log: createLog({ level: "error", format: "json" }),
    now: Date.now,
  };
  const routes = layercode(parts, {
    secrets: ["secret"],
    apiUrl: "http://127.0.0.1:9",
    authorize: () => ({ allow: true }),
    perAddress: 1,
    inAll: 1,
  });
  const found = Object.entries(routes).map(([path, methods]) =>
    `${Object.keys(methods)} ${path}`
  );
  assertEquals(found, [
    "POST /agent",
    "POST /api/agent",
    "POST,OPTIONS /authorize",
    "POST,OPTIONS /api/authorize",
  ]);
});
