import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkAdminToken } from "../../../src/cli/doctor/admin_token.ts";
import { look, patient, toLines } from "./_patient.ts";

Deno.test("checkAdminToken() warns of a token that can be guessed, and never shows one", async () => {
  const lineFor = async (env: Record<string, string>) => {
    const [line = ""] = toLines(await look(checkAdminToken, patient(env)));
    return line;
  };
  assertEquals(await lineFor({}), "");
  const long = "5f0c7d3a9b8e4c2d";
  assertEquals(
    await lineFor({ ADMIN_TOKEN: long }),
    "ok admin token: ADMIN_TOKEN is set",
  );
  for (const token of ["x", "hunter2", "your-secret-token-here"]) {
    const line = await lineFor({ ADMIN_TOKEN: token });
    assertStringIncludes(line, "warn admin token");
    assertEquals(line.includes(`"${token}"`), false);
  }
});
