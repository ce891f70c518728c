import { assert, assertEquals, assertMatch } from "@std/assert";
import { HttpError } from "../../src/server/http.ts";
import { UNKNOWN_SENDER } from "../../src/server/router.ts";
import { createFiles } from "../../src/web/pages.ts";

async function get(path: string): Promise<Response> {
  const request = new Request(`http://parley.test${path}`);
  const room = path.replace(/[^/]*$/, "*");
  const handler = createFiles()[room]?.GET;
  if (handler === undefined) return new Response(null, { status: 404 });
  try {
    return await handler(request, UNKNOWN_SENDER);
  } catch (error) {
    if (error instanceof HttpError) return error.toResponse();
    throw error;
  }
}

/** Collects the scripts that the pages import, beginning with the pages' own. */
async function follow(path: string, seen = new Set<string>()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  const response = await get(path);
  assertEquals(response.status, 200, path);
  const script = await response.text();
  for (const [, name = ""] of script.matchAll(/\bfrom "(\.[^"]+)"/g)) {
    await follow(new URL(name, `http://parley.test${path}`).pathname, seen);
  }
  return seen;
}

Deno.test("createFiles() serves the scripts and styles of every page", async () => {
  for (const room of ["playground", "voice", "sessions"]) {
    const scripts = await follow(`/web/${room}/page.js`);
    assert(scripts.has("/web/page.js"), room);
    const style = await get(`/web/${room}/page.css`);
    assertMatch(style.headers.get("content-type") ?? "", /^text\/css/);
    await style.body?.cancel();
  }
});

Deno.test("createFiles() serves only scripts and styles, and only from its own folder", async () => {
  for (
    const path of [
      "/web/pages.ts",
      "/web/preact.d.ts",
      "/web/nothing.js",
      "/web/voice/",
      "/web/..%2fmain.js",
      "/web/%2e%2e/server/log.ts",
      "/web/voice/..%2f..%2f..%2fdeno.js",
      "/web/PAGE.CSS",
    ]
  ) {
    const response = await get(path);
    assertEquals(response.status, 404, path);
    await response.body?.cancel();
  }
});

Deno.test("createFiles() serves no file that loads anything from another host", async () => {
  const folder = new URL("../../src/web/", import.meta.url);
  for (const room of ["", "playground/", "voice/", "sessions/"]) {
    for await (const { name } of Deno.readDir(new URL(room, folder))) {
      if (!/\.(js|css)$/.test(name)) continue;
      const text = await Deno.readTextFile(new URL(room + name, folder));
      const loaded = text.match(
        /(?:src|action)="(?:https?:)?\/\/[^"]*"|\burl\([^)]*\)|@import|from "https?:/g,
      );
      assertEquals(loaded, null, name);
    }
  }
});
