import { assertEquals } from "@std/assert";
import { checkRuntime } from "../../../src/cli/doctor/runtime.ts";
import { toLines } from "./_patient.ts";

Deno.test("checkRuntime() wants Deno 2.5 or newer", () => {
  for (const good of ["2.5.0", "2.9.6", "2.10.0", "3.0.0"]) {
    assertEquals(toLines([checkRuntime(good)]), [`ok Deno: ${good}`]);
  }
  for (const old of ["1.46.3", "2.4.5"]) {
    assertEquals(toLines([checkRuntime(old)]), [
      `fail Deno: ${old} is too old: Parley needs 2.5 or newer → ` +
      "deno upgrade, or npx -y deno instead of deno",
    ]);
  }
});
