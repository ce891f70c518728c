import { assertEquals, assertRejects } from "@std/assert";
import { createPostgresStore } from "../../src/sessions/postgres.ts";
import type { SessionStore, StoreOptions } from "../../src/sessions/store.ts";
import {
  type RealPostgres,
  startPostgres,
  whyNoBouncer,
  whyNoPostgres,
} from "../fakes/postgres.ts";
import { type StoreUnderTest, testStore, user } from "./contract.ts";

const NAME = "createPostgresStore()";
const whyNot = whyNoPostgres();
/** One server for all tests; each begins with empty tables. */
let server: RealPostgres;

/** Opens a store on empty tables, and more stores on the same tables. */
async function open(
  urlOf: (server: RealPostgres) => string = ({ url }) => url,
): Promise<Required<StoreUnderTest>> {
  await server.sql("drop table if exists parley_records, parley_sessions");
  const stores: SessionStore[] = [];
  function reopen(options?: StoreOptions): SessionStore {
    const store = createPostgresStore({ url: urlOf(server), ...options });
    stores.push(store);
    return store;
  }
  return {
    store: reopen(),
    reopen,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

function test(what: string, fn: () => Promise<void>): void {
  const name = `${NAME} ${what}`;
  Deno.test({ name, ignore: whyNot !== undefined, fn });
}

if (whyNot === undefined) {
  Deno.test.beforeAll(async () => {
    server = await startPostgres();
  });
  Deno.test.afterAll(async () => await server[Symbol.asyncDispose]());
}

/** Runs the contract, or logs why it is skipped. */
function testWay(
  name: string,
  whyNot: string | undefined,
  urlOf: (server: RealPostgres) => string,
): void {
  if (whyNot === undefined) return testStore(name, () => open(urlOf));
  // deno-lint-ignore no-console -- for whoever runs the tests
  console.log(`skipped: ${name}: ${whyNot}`);
  Deno.test({
    name: `${name} passes the contract`,
    ignore: true,
    fn: () => {},
  });
}

testWay(NAME, whyNot, ({ url }) => url);
testWay(
  `${NAME} through PgBouncer`,
  whyNoBouncer(),
  ({ url, bouncerUrl = url }) => bouncerUrl,
);

test("creates its tables once when several stores start together", async () => {
  for (let round = 0; round < 20; round++) {
    await using under = await open();
    const stores = [under.store, under.reopen(), under.reopen()];
    await Promise.all(
      stores.map((store, n) => store.update(`${n}`, () => [user("t", "x")])),
    );
    assertEquals((await under.store.list()).sessions.length, 3);
  }
});

test("creates its tables again when they are gone", async () => {
  await using under = await open();
  await under.store.update("a", () => [user("t1", "x")]);
  await server.sql("drop table parley_records, parley_sessions");
  assertEquals((await under.store.load("a")).isEmpty, true);
  await under.store.update("a", () => [user("t2", "y")]);
});

test("says what is wrong if a role may not create tables, or use them", async () => {
  await using under = await open(({ url }) =>
    url.replace("postgres:hunter2@", "guest:hunter2@")
  );
  await server.sql("drop role if exists guest; create role guest login");
  await assertRejects(
    () => under.store.check(),
    Error,
    "permission denied for schema public",
  );
  const owner = createPostgresStore({ url: server.url });
  await owner.check();
  await owner.close();
  await assertRejects(
    () => under.store.check(),
    Error,
    "permission denied for table",
  );
  const tables = "parley_sessions, parley_records";
  await server.sql(
    `grant select, insert, update, delete on ${tables} to guest`,
  );
  await under.store.check();
  await under.store.update("a", () => [user("t1", "x")]);
  assertEquals(await under.store.sweep(new Date(Date.now() + 60_000)), 1);
  await under.store.update("b", () => [user("t1", "x")]);
  assertEquals(await under.store.delete("b"), true);

  // Like a standby.
  await server.sql("alter role guest set default_transaction_read_only = on");
  const readOnly = under.reopen();
  await assertRejects(() => readOnly.check(), Error, "read-only");
});

test("never runs an id as SQL, and stores characters that text in Postgres can't hold", async () => {
  await using under = await open();
  const ids = [
    "'; drop table parley_sessions; --",
    "$1",
    "\\",
    "{a,b}",
    'NULL","',
    "\0",
    "a\0",
    "\ud800",
    "\udfff",
    "~",
    "",
    "x".repeat(100_000),
  ];
  for (const id of ids) {
    await under.store.update(id, () => [user("t", `I am ${id}`)]);
  }
  const again = under.reopen();
  for (const id of ids) {
    const { turns } = await again.load(id);
    assertEquals(turns.map(({ user }) => user), [`I am ${id}`]);
  }
  const { sessions } = await again.list();
  assertEquals(sessions.map(({ id }) => id), ids.toReversed());
});

test("keeps 2,000 records of one update, and one of a megabyte", async () => {
  await using under = await open();
  const many = Array.from({ length: 2_000 }, (_, n) => user(`t${n}`, `${n}`));
  await under.store.update("a", () => many);
  const text = '"\\\0ü'.repeat(250_000);
  await under.store.update("a", () => [user("big", text)]);
  const { turns } = await under.reopen().load("a");
  assertEquals(turns.length, 2_001);
  assertEquals(turns[1_999]?.user, "1999");
  assertEquals(turns[2_000]?.user, text);
});

test("reports and skips records that it can't read", async () => {
  await using under = await open();
  await under.store.update("a", () => [user("t1", "x"), user("t2", "y")]);
  await server.sql("update parley_records set record = '{' where seq = 1");
  const bad: string[] = [];
  const store = createPostgresStore({
    url: server.url,
    onBadRecord: (id) => bad.push(id),
  });
  assertEquals((await store.load("a")).turns.map(({ id }) => id), ["t2"]);
  assertEquals(bad, ["a"]);
  await store.close();
});

test("returns an empty page for an invalid cursor", async () => {
  await using under = await open();
  await under.store.update("a", () => [user("t1", "x")]);
  for (const cursor of ["", "x", "1; select", "-1", "9".repeat(30)]) {
    assertEquals(await under.store.list({ cursor }), { sessions: [] });
  }
});
