import { assertEquals } from "@std/assert";
import { blocksBelow } from "../_readme.ts";
import { startPlatform } from "../fakes/layercode_platform.ts";
import { serveOn } from "../fakes/loopback.ts";
import { startServer } from "../fakes/server.ts";
import { copySources } from "./_copy.ts";

Deno.test('docs/layercode.md "Let in only who is logged in" lets in only who is logged in', async () => {
  await using site = serveOn(({ headers }) =>
    headers.get("authorization") === "Bearer of Ada"
      ? Response.json({ id: "7", name: "Ada" })
      : new Response("Who?", { status: 401 })
  );
  await using copy = await copySources();
  const [handler = ""] = blocksBelow("Let in only who is logged in");
  const address = "https://example.com/api/me";
  const written = handler.replace(address, site.url);
  assertEquals(written === handler, false);
  await copy.write("src/agent/authorize.ts", written);
  await copy.deno("lint", "-q", "src/agent");
  await copy.deno(
    "doc",
    "--lint",
    "src/agent/authorize.ts",
    "src/platforms/authorize.ts",
  );
  await copy.deno("check", "-q", "main.ts");

  const agentId = "agent-1";
  const key = "lc_key_of_the_owner";
  await using platform = startPlatform({ key, agentId, secret: "unused" });
  await using server = await startServer({
    sources: copy.root,
    env: {
      LAYERCODE_API_KEY: key,
      LAYERCODE_AGENT_ID: agentId,
      LAYERCODE_API_URL: platform.url,
    },
  });
  const ask = (authorization: string) =>
    fetch(`${server.url}/authorize`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: JSON.stringify({ metadata: { name: "The owner" } }),
    });
  const stranger = await ask("Bearer of nobody");
  assertEquals(stranger.status, 403);
  assertEquals((await stranger.json()).error, {
    code: "not_authorized",
    message: "Log in first",
  });
  assertEquals(platform.authorized, []);
  const ada = await ask("Bearer of Ada");
  assertEquals(ada.status, 200);
  await ada.body?.cancel();
  assertEquals(platform.authorized, [
    { agent_id: agentId, metadata: { name: "Ada" } },
  ]);
});
