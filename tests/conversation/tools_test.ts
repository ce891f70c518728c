import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as z from "zod";
import {
  type Tool,
  tool,
  type ToolContext,
} from "../../src/conversation/tools.ts";

const rollDice = tool({
  name: "roll_dice",
  description: "Rolls a die",
  parameters: z.object({
    sides: z.number().int().min(2).max(100).describe("How many sides it has"),
    colour: z.string().default("white"),
  }),
  run: ({ sides, colour }) => ({ rolled: sides, colour }),
});

Deno.test("tool() declares its arguments as JSON Schema that vendors take", () => {
  const { declaration } = rollDice;
  assertEquals(declaration, {
    name: "roll_dice",
    description: "Rolls a die",
    parameters: {
      type: "object",
      properties: {
        sides: {
          description: "How many sides it has",
          type: "integer",
          minimum: 2,
          maximum: 100,
        },
        // May be left out, which a model must know.
        colour: { type: "string", default: "white" },
      },
      required: ["sides"],
    },
  });
});

Deno.test("tool() declares dates and the like, which JSON Schema doesn't know", () => {
  const { declaration } = tool({
    name: "x",
    description: "x",
    parameters: z.object({ day: z.date().describe("Which day") }),
    run: () => {},
  });
  assertEquals(declaration.parameters.properties, {
    day: { description: "Which day" },
  });
});

Deno.test("tool() gives a tool ten seconds unless it is told otherwise", () => {
  assertEquals(rollDice.timeoutMs, 10_000);
  assertEquals(
    tool({
      name: "quick",
      description: "quick",
      parameters: z.object({}),
      run: () => {},
      timeoutMs: 5,
    }).timeoutMs,
    5,
  );
});

Deno.test("tool() runs with arguments that fit, and fills in what may be left out", async () => {
  const context = {} as ToolContext;
  assertEquals(await rollDice.run({ sides: 6 }, context), {
    rolled: 6,
    colour: "white",
  });
});

Deno.test("tool() names the field of an argument that doesn't fit", async () => {
  const nested = tool({
    name: "nested",
    description: "x",
    parameters: z.object({
      where: z.object({ city: z.string() }),
      when: z.array(z.number()),
    }),
    run: () => {},
  });
  const table: [Tool, unknown, ...string[]][] = [
    [rollDice, {}, "sides: "],
    [rollDice, { sides: "six" }, "sides: "],
    [rollDice, { sides: 1 }, "sides: ", "2"],
    [rollDice, { sides: 6, colour: 7 }, "colour: "],
    [rollDice, { sides: 1, colour: 7 }, "sides: ", "; colour: "],
    [rollDice, "six", "object"],
    [rollDice, undefined, "object"],
    [nested, { where: {}, when: [1] }, "where.city: "],
    [nested, { where: { city: "x" }, when: [1, "two"] }, "when.1: "],
  ];
  for (const [tool, args, ...mentions] of table) {
    const { message } = await assertRejects(
      () => tool.run(args, {} as ToolContext),
      TypeError,
    );
    for (const mention of mentions) assertStringIncludes(message, mention);
  }
});
