import { assertEquals, assertStringIncludes } from "@std/assert";
import { nextSteps, toBanner } from "../../src/server/serve.ts";

const PARTS = {
  version: "1.2.3",
  url: "http://localhost:3000",
  provider: "echo",
  model: "echo",
  store: "file",
  dataDir: "./data",
  ownSecret: false,
};

Deno.test("toBanner() names the page's address whole, so that it can be opened from a terminal", () => {
  const page = "http://localhost:3000/?token=0123456789abcdef";
  const lines = toBanner({ ...PARTS, page }).split("\n");
  assertEquals(lines.filter((line) => line.includes(page)), [
    `  Talk to it:         ${page}`,
  ]);
});

Deno.test("nextSteps() begins with the terminal where there is no page", () => {
  const [first = ""] = nextSteps(PARTS);
  assertStringIncludes(first, 'Talk to it:         deno task say "Hello"');
});
