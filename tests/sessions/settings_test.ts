import { assertEquals } from "@std/assert";
import { createLog } from "../../src/server/log.ts";
import { createStore } from "../../src/sessions/mod.ts";
import { readConfig } from "../../src/settings/config.ts";

const log = createLog({ level: "error", format: "json", write() {} });

Deno.test("createStore() keeps conversations in files, but on Deno Deploy, where files don't last, in Deno KV", async () => {
  for (
    const [env, name] of [
      [{}, "file"],
      [{ DENO_DEPLOY: "1" }, "kv"],
      [{ DENO_DEPLOY: "1", SESSION_STORE: "file" }, "file"],
    ] as const
  ) {
    const store = createStore(readConfig(env), log);
    assertEquals(store.name, name);
    await store.close();
  }
});

Deno.test("createStore() puts Deno KV into the data folder, unless a file is named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [SESSION_STORE, file] of [
        ["kv", "sessions.kv"],
        [`kv:${folder}/other.kv`, "other.kv"],
      ] as const
    ) {
      const config = readConfig({ DATA_DIR: folder, SESSION_STORE });
      const store = createStore(config, log);
      await store.check();
      await store.close();
      assertEquals((await Deno.stat(`${folder}/${file}`)).isFile, true);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
