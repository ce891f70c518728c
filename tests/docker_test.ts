/**
 * What the image does, without an engine: built and started by the commands of
 * the Dockerfile, as a user without rights, in a tree that can't be written.
 * Needs the package registries, as the build itself does.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { sendEvent } from "../src/platforms/layercode/client.ts";
import { buildImage, type Image, isRoot, NONROOT } from "./_docker.ts";
import { startContainer } from "./_docker_container.ts";
import { hashTree, sizeOf } from "./_docker_tree.ts";
import { startFakeGemini } from "./fakes/gemini.ts";
import { message, readEvents, SECRET, spoken } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { freePort } from "./fakes/ports.ts";
import { startPostgres, whyNoPostgres } from "./fakes/postgres.ts";

/** Says two things to the image's server, started with these settings. */
async function converse(
  image: Image,
  settings: Record<string, string>,
): Promise<string> {
  await using server = await startContainer(image, settings);
  const line = { url: `${server.url}/agent`, secret: SECRET };
  const words: string[] = [];
  const conversation_id = `with ${settings.LLM_PROVIDER}`;
  for (const turn_id of ["turn_1", "turn_2"]) {
    const event = message("Hello", { conversation_id, turn_id });
    const response = await sendEvent(event, line);
    assertEquals(response.status, 200);
    words.push(spoken(await readEvents(response)));
  }
  assertEquals((await server.stop("SIGTERM")).code, 0);
  return words.join(" / ");
}

// Its `deno cache` wants types in the lockfile that the image's Deno does without.
const isOld = Deno.version.deno.startsWith("2.5.");
if (isOld) {
  // deno-lint-ignore no-console -- nobody should take it for a test that ran
  console.warn("Deno 2.5 is not the image's Deno: the image was NOT tried");
}
const test = isOld ? Deno.test.ignore : Deno.test;

test("Dockerfile makes an image that runs without rights and fetches nothing", async (t) => {
  await using image = await buildImage();
  const { stage, root } = image;
  const before = await hashTree(root, ["data"]);

  await t.step("it holds Deno, the sources and the packages", async () => {
    const [app = 0, cache = 0] = await Promise.all(
      ["app", "deno-dir"].map((folder) => sizeOf(`${root}/${folder}`)),
    );
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    // deno-lint-ignore no-console -- a figure that this test is read for
    console.log(`  sources: ${mb(app)}, packages: ${mb(cache)}`);
    assertLess(app + cache, 60e6);
    const folders = [...before.keys()].map((path) => path.split("/")[0]);
    assertEquals([...new Set(folders)].sort(), ["app", "bin", "deno-dir"]);
    const sources = [...before.keys()].filter((path) =>
      path.startsWith("app/") && !path.startsWith("app/src/")
    );
    assertEquals(
      sources.filter((path) => !path.includes("layercode.config")),
      ["app/deno.json", "app/deno.lock", "app/main.ts", "app/src"],
    );
  });

  await t.step("it starts, is healthy, answers and leaves", async () => {
    const port = `${freePort()}`;
    await using server = await startContainer(image, { PORT: port });
    const check = async () => {
      const { code } = await image.spawn(stage.healthcheck ?? [], {
        PORT: port,
      }).output();
      return code;
    };
    assertEquals(await check(), 0);
    if (isRoot()) assertEquals(await server.user(), NONROOT);
    const response = await sendEvent(message("Hello"), {
      url: `${server.url}/agent`,
      secret: SECRET,
    });
    assertMatch(spoken(await readEvents(response)), /Hello/);
    assertEquals((await server.stop("SIGTERM")).code, 0);
    assertEquals(await check(), 1);
    assert((await Deno.stat(`${root}/data/sessions/conv_1.jsonl`)).isFile);
  });

  await t.step("it has the packages of every provider and store", async () => {
    await using gemini = startFakeGemini(() => ({
      kind: "text",
      chunks: ["From Gemini."],
    }));
    assertEquals(
      await converse(image, {
        LLM_PROVIDER: "gemini",
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
        GEMINI_BASE_URL: gemini.url,
        SESSION_STORE: "kv",
      }),
      "From Gemini. / From Gemini.",
    );
    await using ollama = startFakeOllama(() => ({
      kind: "text",
      chunks: ["From Ollama."],
    }));
    assertEquals(
      await converse(image, {
        LLM_PROVIDER: "ollama",
        OLLAMA_HOST: ollama.url,
        OLLAMA_MODEL: "llama3.2:3b",
      }),
      "From Ollama. / From Ollama.",
    );
  });

  await t.step({
    name: "it has the package of Postgres",
    ignore: whyNoPostgres() !== undefined,
    async fn() {
      await using postgres = await startPostgres();
      const settings = { SESSION_STORE: postgres.url };
      assertMatch(await converse(image, settings), /number 2/);
      const count = await postgres.sql("select count(*) from parley_sessions");
      assertEquals(count.trim(), "1");
    },
  });

  await t.step("it makes a secret where none is given, in /data", async () => {
    await using server = await startContainer(image, {
      LAYERCODE_WEBHOOK_SECRET: "",
    });
    assertEquals((await fetch(`${server.url}/ready`)).status, 200);
    assert((await Deno.stat(`${root}/data/webhook-secret`)).isFile);
  });

  await t.step("it has changed nothing outside /data", async () => {
    assertEquals(await hashTree(root, ["data"]), before);
  });
});
