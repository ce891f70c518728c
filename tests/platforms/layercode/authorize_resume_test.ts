import { assertEquals, assertMatch } from "@std/assert";
import type { Approval } from "../../../src/platforms/authorize.ts";
import { ask, errorOf, type Fixture, SECRET, test } from "./_authorize.ts";

type Endpoint = ReturnType<Fixture["endpoint"]>;

/** What a page has after it started a conversation. */
interface Had {
  id: string;
  token: string;
}

/** Creates a new conversation for each request that continues none. */
function reply(): (request: Request) => Promise<Response> {
  let count = 0;
  return async (request) => {
    const { conversation_id, session_id, pipeline_id } = await request.json();
    const id = conversation_id ?? session_id ?? `conv_${++count}`;
    const name = pipeline_id ? "session_id" : "conversation_id";
    return Response.json({ client_session_key: "csk", [name]: id });
  };
}

/** Begins a conversation. */
async function begin(
  endpoint: Endpoint,
  fields: Record<string, unknown> = { agent_id: "a" },
): Promise<Had> {
  const response = await endpoint(ask(fields));
  assertEquals(response.status, 200);
  const { conversation_id, session_id, resume_token } = await response.json();
  return { id: conversation_id ?? session_id, token: resume_token };
}

/** Continues a conversation. */
async function resume(
  endpoint: Endpoint,
  id: string,
  { token }: { token?: string | null },
): Promise<number> {
  const fields = { agent_id: "a", conversation_id: id, resume_token: token };
  const response = await endpoint(ask(fields));
  await response.body?.cancel();
  return response.status;
}

test(
  "lets a page go on with what it was given, by its token",
  async (fixture) => {
    const endpoint = fixture.endpoint();
    const { id, token } = await begin(endpoint);
    assertMatch(token, /^[\w-]{43}$/);
    assertEquals(await resume(endpoint, id, { token }), 200);
    const bodies = fixture.asked.map(({ body }) => body);
    assertEquals(bodies, [
      { agent_id: "a" },
      { agent_id: "a", conversation_id: id },
    ]);
  },
  reply(),
);

test(
  "lets nobody go on with a conversation whose id leaked",
  async (fixture) => {
    const endpoint = fixture.endpoint();
    const { id } = await begin(endpoint);
    const stranger = await begin(endpoint);
    const asked = fixture.asked.length;
    assertEquals(await resume(endpoint, id, {}), 403);
    assertEquals(await resume(endpoint, id, stranger), 403);
    assertEquals(await resume(endpoint, id, { token: "x".repeat(43) }), 403);
    assertEquals(await resume(endpoint, id, { token: "é" }), 403);
    assertEquals(await resume(endpoint, id, { token: id }), 403);
    assertEquals(fixture.asked.length, asked);
  },
  reply(),
);

test(
  "says the same of a conversation that isn't there and of another's",
  async (fixture) => {
    const endpoint = fixture.endpoint();
    const { id } = await begin(endpoint);
    const told = [];
    for (const conversation_id of [id, "conv_that_never_was"]) {
      const response = await endpoint(ask({ agent_id: "a", conversation_id }));
      told.push(await errorOf(response));
    }
    assertEquals(told[0], told[1]);
    assertEquals(told[0]?.code, "conversation_not_given");
    assertMatch(told[0]?.message ?? "", /resume_token/);
  },
  reply(),
);

test(
  "still knows what it gave after a restart and on another instance, and with a new secret beside the old one",
  async (fixture) => {
    const had = await begin(fixture.endpoint());
    assertEquals(await resume(fixture.endpoint(), had.id, had), 200);
    const secrets = ["a new one", SECRET];
    assertEquals(await resume(fixture.endpoint({ secrets }), had.id, had), 200);
    const others = ["a new one", ""];
    assertEquals(
      await resume(fixture.endpoint({ secrets: others }), had.id, had),
      403,
    );
  },
  reply(),
);

test(
  "lets a page go on with a pipeline's session by either name",
  async (fixture) => {
    const endpoint = fixture.endpoint();
    const pipeline = { pipeline_id: "p" };
    const { id, token: resume_token } = await begin(endpoint, pipeline);
    for (const name of ["session_id", "conversation_id"]) {
      const fields = { ...pipeline, [name]: id, resume_token };
      const response = await endpoint(ask(fields));
      assertEquals(response.status, 200);
      await response.body?.cancel();
      const { body } = fixture.asked.at(-1)!;
      assertEquals(body, { pipeline_id: "p", session_id: id });
    }
    const response = await endpoint(ask({ ...pipeline, session_id: id }));
    assertEquals(response.status, 403);
    await response.body?.cancel();
  },
  reply(),
);

test(
  "goes on with the conversation that the owner chose, and gives it to nobody",
  async (fixture) => {
    for (const conversationId of ["conv_of_user_1", null]) {
      const approval: Approval = { allow: true, conversationId };
      const endpoint = fixture.endpoint({ authorize: () => approval });
      const response = await endpoint(
        ask({ agent_id: "a", conversation_id: "conv_of_another" }),
      );
      assertEquals(response.status, 200);
      assertEquals("resume_token" in await response.json(), false);
    }
    assertEquals(fixture.asked.map(({ body }) => body), [
      { agent_id: "a", conversation_id: "conv_of_user_1" },
      { agent_id: "a" },
    ]);
  },
  reply(),
);

test(
  "gives a conversation to one user of a page, not to the next",
  async (fixture) => {
    let user: string | undefined = "ada";
    const endpoint = fixture.endpoint({
      authorize: () => ({ allow: true, ...user ? { user } : {} }),
    });
    const had = await begin(endpoint);
    assertEquals(await resume(endpoint, had.id, had), 200);
    for (user of ["bob", undefined]) {
      assertEquals(await resume(endpoint, had.id, had), 403);
    }
  },
  reply(),
);
