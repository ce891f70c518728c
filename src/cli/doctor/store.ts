/**
 * Whether conversations can be kept.
 *
 * @module
 */
import { createLog, explain } from "../../server/log.ts";
import { createStore } from "../../sessions/mod.ts";
import type { SessionStore } from "../../sessions/store.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, fail } = findings("session store");

/** Looks at the store that `SESSION_STORE` names. */
export async function checkStore({ config }: Patient): Promise<Result[]> {
  const quiet = createLog({ level: "error", format: "json", write() {} });
  return [await tryStore(() => createStore(config, quiet))];
}

/** Has a store look at itself. */
export async function tryStore(
  open: () => SessionStore | Promise<SessionStore>,
): Promise<Result> {
  let store: SessionStore | undefined;
  try {
    store = await open();
    await store.check();
    return ok(`${store.name} can be written`);
  } catch (error) {
    return fail(
      explain(error),
      store?.name === "file"
        ? "see to the data folder, above"
        : "check SESSION_STORE: is the database running, and may it be written with this address?",
    );
  } finally {
    await store?.close();
  }
}
