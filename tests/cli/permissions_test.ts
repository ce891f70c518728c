import { assertEquals, assertStringIncludes } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { findKvFile, toFlags } from "../../src/cli/permissions.ts";
import { runProgram, startServer } from "../fakes/server.ts";

Deno.test("toFlags() names the data folder, and all folders where no flag can name it", () => {
  assertEquals(
    toFlags("/srv/parley"),
    "--allow-read=.,/srv/parley --allow-write=/srv/parley",
  );
  for (const folder of ["/a b", "/a,b"]) {
    assertEquals(toFlags(folder), "--allow-read --allow-write");
  }
});

Deno.test("toFlags() names the file of Deno KV, if one is named", () => {
  assertEquals(
    toFlags("./data", findKvFile("kv:/srv/parley.kv")),
    "--allow-read=.,./data,/srv/parley.kv --allow-write=./data,/srv/parley.kv",
  );
  for (const store of ["file", "kv", "kv:http://kv:4512", "postgres://db/p"]) {
    assertEquals(findKvFile(store), undefined);
  }
});

Deno.test("permissions.ts finds DATA_DIR in the environment, in .env, or takes the default", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = async (env: Record<string, string> = {}) =>
      (await runProgram("src/cli/permissions.ts", [], { folder, env })).stdout
        .trim();
    assertEquals(await run(), toFlags("./data"));
    await Deno.writeTextFile(`${folder}/.env`, "DATA_DIR=/from/file\n");
    assertEquals(await run(), toFlags("/from/file"));
    assertEquals(await run({ DATA_DIR: "/from/env" }), toFlags("/from/env"));
    assertEquals(await run({ DATA_DIR: " " }), toFlags("/from/file"));
    assertEquals(
      await run({ SESSION_STORE: "kv:./kv" }),
      toFlags("/from/file", "./kv"),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno task start runs with a named list of permissions", () => {
  const { start } = deno.tasks;
  assertEquals(/\s-[a-zA-Z]*A|--allow-all/.test(start), false);
  assertStringIncludes(start, "--no-prompt");
  assertStringIncludes(start, "deno task -q flags)");
  assertStringIncludes(deno.tasks.flags, "src/cli/permissions.ts");
  // A tunnel (deno task --tunnel start) is for the server: without this, what
  // only prints flags would open one, too.
  for (const task of [start, deno.tasks.dev]) {
    assertEquals(task.match(/\$\(deno task/), null);
    assertEquals(task.match(/\$\(unset DENO_CONNECTED && /g)?.length, 1);
  }
});

Deno.test("main.ts can't start with a data folder that it may not write", async () => {
  // The fake server grants ./data alone, as the task would by default.
  const failed = await startServer({ env: { DATA_DIR: "./elsewhere" } })
    .then((server) => server.stop("SIGKILL").then(() => ""), String);
  assertStringIncludes(failed, "Cannot start");
  assertStringIncludes(failed, "elsewhere");
});
