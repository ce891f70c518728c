import { assertEquals, assertMatch } from "@std/assert";
import { checkDeno, checkPort } from "../../../src/cli/doctor/machine.ts";
import { toLines } from "../../fakes/findings.ts";
import { serveOn } from "../../fakes/loopback.ts";
import { freePort } from "../../fakes/ports.ts";

Deno.test("checkDeno() wants Deno 2.5 or newer", () => {
  for (const good of ["2.5.0", "2.9.6", "2.10.0", "3.0.0"]) {
    assertEquals(toLines([checkDeno(good)]), [`ok Deno: ${good}`]);
  }
  for (const old of ["1.46.3", "2.4.5"]) {
    assertEquals(toLines([checkDeno(old)]), [
      `fail Deno: ${old} is too old: Parley needs 2.5 or newer → ` +
      "deno upgrade, or npx -y deno instead of deno",
    ]);
  }
});

/** What is said of a port. */
async function check(
  port: number | string,
  hostname = "127.0.0.1",
): Promise<string> {
  return toLines([await checkPort({ port: Number(port), hostname })]).join();
}

Deno.test("checkPort() finds a free port, and one that is taken", async () => {
  const port = freePort();
  assertEquals(await check(port), `ok port: ${port} is free`);
  await using other = serveOn(() => Response.json({ status: "ok" }));
  const taken =
    /^fail port: \d+ is taken by something that is not Parley → set PORT to another/;
  assertMatch(await check(other.port), taken);
  // What listens and says nothing at all.
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertMatch(await check(mute.addr.port), taken);
});

Deno.test("checkPort() finds a Parley that runs here", async () => {
  const health = { version: "0.1.0", provider: "echo", model: "echo" };
  await using server = serveOn(() => Response.json(health));
  const here = "ok port: Parley 0.1.0 is running here (echo, echo)";
  assertEquals(await check(server.port), here);
  assertEquals(await check(server.port, "0.0.0.0"), here);
});

Deno.test("checkPort() finds a HOST that is not this machine's", async () => {
  // An address that is for documentation only, RFC 5737.
  assertMatch(
    await check(freePort(), "192.0.2.1"),
    /^fail port: cannot listen on 192\.0\.2\.1:\d+: .* → HOST must be an address/,
  );
});
