/**
 * What the owner's own code may do under `deno task start`, tried by that code
 * itself in a copy of the sources.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { SECRET } from "./fakes/layercode.ts";
import { freePort } from "./fakes/ports.ts";
import { startServer } from "./fakes/server.ts";
import { copySources } from "./recipes/_copy.ts";

/** A handler that tries what a page names, and tells what came of it. */
const HANDLER = `
import type { DataHandler } from "../conversation/data.ts";

const tries: Record<string, (what: string) => unknown> = {
  read: (path) => Deno.readTextFile(path),
  write: (path) => Deno.writeTextFile(path, ""),
  fetch: async (url) => (await fetch(url)).body?.cancel(),
  env: (name) => Deno.env.get(name),
  run: (program) => new Deno.Command(program).output(),
};

export const onData: DataHandler = async (data) => {
  const [how, what] = data as [string, string];
  try {
    await tries[how]?.(what);
    return "done";
  } catch (error) {
    return (error as Error).name;
  }
};`;

Deno.test("main.ts may do no more than the settings name under the flags of deno task start", async () => {
  await using copy = await copySources();
  await copy.write("src/agent/data.ts", HANDLER);
  await copy.write(".env", "WELCOME_MESSAGE=From the file");
  await copy.write(".git/HEAD", "ref: refs/heads/main");
  await using stranger = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  await using other = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  await using server = await startServer({
    sources: copy.root,
    folder: copy.root,
    env: {
      PORT: String(freePort()),
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      TOOL_HOSTS: `127.0.0.1:${other.addr.port}`,
    },
  });
  const line = { url: `${server.url}/agent`, secret: SECRET };
  let turns = 0;
  const send = async (more: Record<string, unknown>) => {
    const turn_id = `t${turns++}`;
    const event = { conversation_id: "c", turn_id, ...more };
    return await (await sendEvent(event, line)).text();
  };
  // It was read, and isn't any more.
  const welcome = await send({ type: "session.start" });
  assertStringIncludes(welcome, "From the file");
  const table: [how: string, what: string, came: string][] = [
    ["read", ".env", "NotCapable"],
    ["read", ".git/HEAD", "NotCapable"],
    ["read", "deno.json", "NotCapable"],
    ["read", "/etc/hostname", "NotCapable"],
    ["read", "src/agent/data.ts", "done"],
    ["write", "src/agent/data.ts", "NotCapable"],
    ["write", "data/note", "done"],
    ["fetch", `http://127.0.0.1:${stranger.addr.port}/`, "NotCapable"],
    ["fetch", `http://127.0.0.1:${other.addr.port}/`, "done"],
    ["env", "PATH", "NotCapable"],
    ["env", "PORT", "done"],
    ["run", "true", "NotCapable"],
  ];
  for (const [how, what, came] of table) {
    const answer = await send({ type: "data", data: [how, what] });
    assertEquals(JSON.parse(answer).content, came, `${how} ${what}`);
  }
});
