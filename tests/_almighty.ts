/**
 * Whether this user may write what is read-only to others, and read what is
 * theirs alone: to root, no file is closed, and a test of such can't fail.
 *
 * @module
 */

/** Whether it is so. */
export const almighty = isAlmighty();

if (almighty) {
  // deno-lint-ignore no-console -- for whoever runs the tests
  console.log("skipped: files that aren't ours: all are, to this user");
}

function isAlmighty(): boolean {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.chmodSync(folder, 0o500);
    Deno.writeTextFileSync(`${folder}/a`, "");
    return true;
  } catch {
    return false;
  } finally {
    Deno.chmodSync(folder, 0o700);
    Deno.removeSync(folder, { recursive: true });
  }
}
