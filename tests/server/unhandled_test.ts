/**
 * The real server with an owner's handler that forgets an `await`: the program
 * as an owner has it, in a folder of its own, with one file edited.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { createLog } from "../../src/server/log.ts";
import { catchUnhandled, runNamed } from "../../src/server/unhandled.ts";
import { message, readEvents, spoken } from "../fakes/layercode.ts";
import { startServer } from "../fakes/server.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SECRET = "a secret for tests only";

const ON_DATA = `
import type { DataHandler } from "../conversation/data.ts";

async function save(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  throw new Error("The shop is closed");
}

export const onData: DataHandler = (data) => {
  save();
  if (data === "timer") setTimeout(() => { throw new Error("Too late"); }, 10);
  return "saved";
};
`;

/** Copies the program, with this for its `onData`. */
async function copyProgram(folder: string, onData: string): Promise<string> {
  const { code } = await new Deno.Command("cp", {
    args: ["-R", `${ROOT}main.ts`, `${ROOT}deno.json`, `${ROOT}deno.lock`]
      .concat(`${ROOT}src`, `${ROOT}offline`, folder),
  }).output();
  assertEquals(code, 0);
  await Deno.writeTextFile(`${folder}/src/agent/data.ts`, onData);
  return `${await Deno.realPath(folder)}/`;
}

Deno.test({
  name:
    "catchUnhandled() keeps the server and its calls alive when an owner's code fails",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const program = await Deno.makeTempDir();
    try {
      const root = await copyProgram(program, ON_DATA);
      await using server = await startServer({
        sources: root,
        env: { LAYERCODE_WEBHOOK_SECRET: SECRET, HOST: "127.0.0.1" },
      });
      const line = { url: `${server.url}/agent`, secret: SECRET };
      const call = await sendEvent(message("word ".repeat(600)), line);
      for (const data of ["promise", "timer"]) {
        const event = {
          type: "data",
          conversation_id: "page",
          turn_id: data,
          data,
        };
        const response = await sendEvent(event, line);
        assertMatch(await response.text(), /saved/);
      }
      const events = await readEvents(call);
      assertEquals(events.at(-1)?.type, "response.end");
      assertMatch(spoken(events), /word word/);
      const { code } = await server.stop("SIGTERM");
      assertEquals(code, 0);

      const told = server.lines.filter(({ event }) =>
        event === "code.unhandled_error"
      );
      assertEquals(told.map(({ error }) => error).sort(), [
        "The shop is closed",
        "The shop is closed",
        "Too late",
      ]);
      for (const { level, name, place, fix } of told) {
        assertEquals(level, "error");
        assertMatch(String(place), /^src\/agent\/data\.ts:\d+:\d+$/);
        assertMatch(String(fix), /await/);
        // Neither a timer's error nor Deno 2.5 knows the name.
        assert(name === "onData" || name === undefined);
      }
      const isNamed = told.some(({ name }) => name === "onData");
      assertEquals(isNamed, !Deno.version.deno.startsWith("2.5."));
    } finally {
      await Deno.remove(program, { recursive: true });
    }
  },
});

Deno.test("runNamed() returns what the code returns, and throws what it throws", async () => {
  assertEquals(runNamed("a", () => 1), 1);
  assertEquals(await runNamed("a", () => Promise.resolve(2)), 2);
  try {
    runNamed("a", () => {
      throw new Error("Bad");
    });
    throw new Error("It did not throw");
  } catch (error) {
    assertEquals((error as Error).message, "Bad");
  }
});

Deno.test("catchUnhandled() logs a thrown value that is not an Error", async () => {
  const lines: string[] = [];
  catchUnhandled(createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  }));
  // That nobody waits for it is the point.
  Promise.reject("no words");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(lines.length, 1);
  assertEquals(JSON.parse(lines[0] ?? "{}").error, "no words");
});
