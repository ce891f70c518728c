import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createFileStore, pathOf } from "../../src/sessions/file.ts";
import { assistant, user } from "../sessions/contract.ts";

/** Puts a device there that is always full; says why where that can't be done. */
async function makeFull(path: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only Linux has /dev/full";
  const { success } = await new Deno.Command("mknod", {
    args: [path, "c", "1", "7"],
    stderr: "null",
  }).output();
  return success ? undefined : "only root may make a device";
}

// Deno opens a device for nobody but those who may do everything.
Deno.test("createFileStore() add() throws when the disk is full, ever after, and loses nothing that was kept", async () => {
  const folder = await Deno.makeTempDir();
  const store = createFileStore({ folder });
  await store.update("a", () => [user("t1", "?")]);
  await Deno.rename(pathOf(folder, "a"), `${folder}/kept`);
  const whyNot = await makeFull(pathOf(folder, "a"));
  if (whyNot) {
    // deno-lint-ignore no-console -- for whoever runs the tests
    return console.log(`skipped: a full disk: ${whyNot}`);
  }
  await assertRejects(
    () => store.open("a", () => [user("t2", "!")]),
    Error,
    'Cannot write session "a"',
  );
  const writer = await store.open("a", () => []);
  for (let n = 0; n < 2; n++) {
    assertThrows(
      () => writer.add(assistant("t1", "Well.")),
      Error,
      "Cannot write session",
    );
  }
  await assertRejects(() => writer.flush(), Error, "Cannot write session");
  await assertRejects(() => writer.close(), Error, "Cannot write session");
  await Deno.remove(pathOf(folder, "a"));
  await Deno.rename(`${folder}/kept`, pathOf(folder, "a"));
  await store.update("a", () => [user("t2", "!")]);
  const { turns } = await createFileStore({ folder }).load("a");
  assertEquals(turns.map(({ user }) => user), ["?", "!"]);
  await Deno.remove(folder, { recursive: true });
});
