/**
 * Deletes a conversation in the real server, and then sends late events of it:
 * nothing of it may come back, not even after a restart.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { type RealServer, startServer } from "../fakes/server.ts";

const ADMIN_TOKEN = "a token for tests only";
const ENV = {
  LAYERCODE_WEBHOOK_SECRET: SECRET,
  HOST: "127.0.0.1",
  ADMIN_TOKEN,
};
const CALL = { conversation_id: "conv_late", session_id: "s", agent_id: "a" };
const RECORDING = "https://recordings.example/1";

/** The events that Layercode may deliver late, or twice. */
const UPDATE = { type: "session.update", ...CALL, recording_url: RECORDING };
const END = {
  ...{ type: "session.end", ...CALL, duration: 3 },
  transcript: [{ role: "user", text: "My name is Ada" }],
};
const DATA = { type: "data", ...CALL, turn_id: "turn_1", data: { a: 1 } };
const SAID = message("My name is Ada", { ...CALL, turn_id: "turn_1" });

async function send(server: RealServer, event: object): Promise<string> {
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const response = await sendEvent(event as typeof SAID, line);
  assertEquals(response.status, 200);
  const type = response.headers.get("content-type");
  if (type?.includes("event-stream")) return spoken(await readEvents(response));
  return await response.text();
}

function ask(server: RealServer, method: string): Promise<Response> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const url = `${server.url}/sessions/${CALL.conversation_id}`;
  return fetch(url, { method, headers });
}

for (const store of ["file", "kv"]) {
  Deno.test(`DELETE /sessions drops late events (${store})`, async () => {
    const folder = await Deno.makeTempDir();
    const env = { ...ENV, SESSION_STORE: store };
    async function sendLate(server: RealServer): Promise<void> {
      for (const event of [END, UPDATE, DATA]) await send(server, event);
      assertEquals(await send(server, SAID), "");
      const shown = await ask(server, "GET");
      await shown.body?.cancel();
      assertEquals(shown.status, 404);
    }
    try {
      {
        await using server = await startServer({ env, folder });
        await send(server, SAID);
        await send(server, UPDATE);
        const deleted = await ask(server, "DELETE");
        assertEquals(await deleted.json(), {
          deleted: CALL.conversation_id,
          recordings_kept_elsewhere: [RECORDING],
        });
        await sendLate(server);
      }
      await using server = await startServer({ env, folder });
      await sendLate(server);
      const again = { ...SAID, turn_id: "turn_2" };
      assertEquals(await send(server, again) !== "", true);
      const { turns } = await (await ask(server, "GET")).json();
      assertEquals(turns.length, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
