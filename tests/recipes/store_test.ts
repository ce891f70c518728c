import { assertEquals } from "@std/assert";
import { blocksBelow } from "../_readme.ts";
import { startServer } from "../fakes/server.ts";
import { copySources } from "./_copy.ts";

Deno.test('docs/extend.md "Add a session store" makes one of one file and one line, which compiles, passes the suite of all stores and is found by its name', async () => {
  await using copy = await copySources(["tests"]);
  const [store = "", list = "", test = ""] = blocksBelow("Add a session store");
  await copy.write("src/sessions/memory.ts", store);
  await copy.write("tests/sessions/memory_test.ts", test);
  await copy.addTo("src/sessions/mod.ts", list, ", memory");
  await copy.deno("check", "-q", "main.ts");
  await copy.deno("lint", "-q", "src/sessions/memory.ts");
  await copy.deno("test", "-q", "-A", "tests/sessions/memory_test.ts");
  await using server = await startServer({
    sources: copy.root,
    env: { SESSION_STORE: "memory" },
  });
  const health = await (await fetch(`${server.url}/health`)).json();
  assertEquals(health.store, "memory");
});
