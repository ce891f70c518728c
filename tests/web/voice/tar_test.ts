import { assertEquals } from "@std/assert";
import { findInTar } from "../../../src/web/voice/_tar.ts";
import { tar } from "./_package.ts";

const FILES = {
  "package/README.md": "# Read me",
  "package/empty": "",
  "package/whole-block": "x".repeat(512),
  "package/over-a-block": "y".repeat(513),
  "package/last.js": "export {};",
};

for (const [name, content] of Object.entries(FILES)) {
  Deno.test(`findInTar() finds ${name}`, () => {
    const found = findInTar(tar(FILES), name);
    assertEquals(new TextDecoder().decode(found), content);
  });
}

Deno.test("findInTar() finds nothing by a part of a name", () => {
  assertEquals(findInTar(tar(FILES), "package/last"), undefined);
  assertEquals(findInTar(tar(FILES), "last.js"), undefined);
});

Deno.test("findInTar() finds nothing in what is no archive", () => {
  assertEquals(findInTar(new Uint8Array(), "a"), undefined);
  assertEquals(findInTar(new Uint8Array(100), "a"), undefined);
  const text = new TextEncoder().encode("not an archive ".repeat(100));
  assertEquals(findInTar(text, "a"), undefined);
});

Deno.test("findInTar() finds no file that isn't there whole", () => {
  const archive = tar({ "a.js": "z".repeat(600) });
  assertEquals(findInTar(archive.slice(0, 1_000), "a.js"), undefined);
  assertEquals(findInTar(archive.slice(0, 1_112), "a.js")?.length, 600);
});

Deno.test("findInTar() reads what npm's own tar writes", async () => {
  // Names end at 100 bytes without a zero, sizes may end with a space.
  const name = "n".repeat(100);
  const archive = tar({ [name]: "words" });
  archive.set(new TextEncoder().encode("0000000005 "), 124);
  assertEquals(
    await new Response(findInTar(archive, name)).text(),
    "words",
  );
});
