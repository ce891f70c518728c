import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { checkFolder, explainFolder } from "../../../src/cli/doctor/folder.ts";
import { inFolder, look, patient, toLines } from "./_patient.ts";

const check = async (folder: string) =>
  toLines(await look(checkFolder, patient({ DATA_DIR: folder }))).join();

Deno.test("checkFolder() makes the folder, and leaves nothing in it", () =>
  inFolder(async (folder) => {
    assertMatch(await check(`${folder}/a/b`), /^ok data folder: .*\/a\/b can/);
    assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/a/b`)), []);
  }));

Deno.test("checkFolder() finds a file in the way", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    assertMatch(await check(`${folder}/file`), /^fail .* file in the way/);
    assertMatch(await check(`${folder}/file/sub`), /^fail .* file in the way/);
  }));

/** Runs a program, and tells whether it did what it was to. */
async function succeeds(...[program = "", ...args]: string[]) {
  const command = new Deno.Command(program, { args, stderr: "null" });
  return await command.output().then(({ success }) => success, () => false);
}

/** A test that doesn't run has to say so. */
function tellSkipped(why: string): void {
  // deno-lint-ignore no-console -- for whoever runs the tests
  console.log(`skipped: ${why}`);
}

Deno.test({
  name: "checkFolder() finds a folder that this user may not write",
  // Windows keeps no such modes.
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await Deno.chmod(folder, 0o500);
      // Modes don't bind root; what is immutable does.
      const isRoot = await Deno.mkdir(`${folder}/a`).then(() => true, () =>
        false);
      if (isRoot && !await succeeds("chattr", "+i", folder)) {
        return tellSkipped("this user may write anywhere");
      }
      try {
        assertMatch(await check(folder), /^fail .* may not write .*chown/);
      } finally {
        if (isRoot) {
          await succeeds("chattr", "-i", folder);
        }
      }
    }),
});

/** Mounts a disk in memory, if this user may; else says why the test can't be. */
async function onDisk(options: string, body: (disk: string) => Promise<void>) {
  await inFolder(async (folder) => {
    const mount = ["mount", "-t", "tmpfs", "-o", options, "t", folder];
    if (!await succeeds(...mount)) {
      return tellSkipped("this user can't mount a disk");
    }
    try {
      await body(folder);
    } finally {
      await succeeds("umount", folder);
    }
  });
}

Deno.test("checkFolder() finds a full disk", () =>
  onDisk("size=64k", async (disk) => {
    await Deno.writeFile(`${disk}/fill`, new Uint8Array(40_000));
    assertMatch(await check(disk), /^fail .*the disk is full → make room/);
    assertEquals((await Array.fromAsync(Deno.readDir(disk))).length, 1);
  }));

Deno.test("checkFolder() finds a disk that is mounted read-only", () =>
  onDisk("ro", async (disk) => {
    assertMatch(await check(`${disk}/data`), /^fail .*mounted read-only → /);
  }));

Deno.test("checkFolder() tells one fault of a disk from another", async () => {
  const faults: [Error, string][] = [
    [new Error("No space left on device (os error 28)"), "the disk is full"],
    [
      Object.assign(new Error("write"), { code: "ENOSPC" }),
      "the disk is full",
    ],
    [new Error("Disk quota exceeded (os error 122)"), "share of the disk"],
    [new Error("Read-only file system (os error 30)"), "mounted read-only"],
    [new Deno.errors.PermissionDenied("no"), "may not write there"],
    [new Deno.errors.NotCapable("Requires write access"), "not given leave"],
    [new Error("Input/output error (os error 5)"), "Input/output error"],
  ];
  for (const [fault, says] of faults) {
    const [line = ""] = toLines(
      await checkFolder(
        patient({ DATA_DIR: "/data" }),
        AbortSignal.timeout(1000),
        () => Promise.reject(fault),
      ),
    );
    assertStringIncludes(line, says);
    assertMatch(line, /^fail data folder: \/data.* → \w+/);
  }
  assertEquals(explainFolder("?", "/d").status, "fail");
});
