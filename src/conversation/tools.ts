/**
 * What a tool is, and how an owner makes one. `tool_calls.ts` runs them.
 *
 * @module
 */
import type { ToolDeclaration } from "../providers/provider.ts";
import type { CallContext } from "./turn.ts";

/** What a tool knows of the conversation it runs in, and what it can do there. */
export interface ToolContext extends CallContext {
  /**
   * Identifies this call: it is the same each time that the call is made, also
   * when its turn is delivered again after a crash that left no result. It is a
   * hash of the conversation, the turn, the tool's name, the arguments, and how
   * many calls like this one the turn has made before. Pass it on to whatever
   * must not be done twice, such as a booking or a payment.
   */
  idempotencyKey: string;
  /** Aborted when the caller has left or the tool's time is over. */
  signal: AbortSignal;
  /** Says something while the tool works. */
  say(text: string): void;
  /** Sends any JSON to the page that the caller looks at. */
  data(content: unknown): void;
  /**
   * Remembers something for the rest of the conversation; of a long text, the
   * first 500 characters.
   *
   * @throws {RangeError} when the conversation's notes would exceed 8,000
   * characters; else the reason why the turn has ended, or the store's error
   */
  remember(text: string): Promise<void>;
}

/** A tool, ready to be offered to a model. */
export interface Tool {
  /** What the model is told. */
  declaration: ToolDeclaration;
  /**
   * Checks the arguments and runs the tool.
   *
   * @throws {TypeError} that says what is wrong with them
   */
  run(args: unknown, context: ToolContext): Promise<unknown>;
  /** How long it may take. */
  timeoutMs: number;
}

/** Checks a tool's arguments; `z.object({…})` makes one. */
export type ToolParameters<A> = {
  safeParse(args: unknown): { success: true; data: A } | {
    success: false;
    error: { issues: { path: PropertyKey[]; message: string }[] };
  };
  toJSONSchema(options: object): object;
};

/** What an owner writes. */
export interface ToolOptions<A> {
  /** What the model calls it by: letters, digits and `_`. */
  name: string;
  /** Tells the model when to call it, and what for. */
  description: string;
  /** The arguments; describe each with `.describe("…")`. */
  parameters: ToolParameters<A>;
  /** Does the work. What it returns, any JSON, is told to the model. */
  run(args: A, context: ToolContext): unknown | Promise<unknown>;
  /** How long it may take, in milliseconds. Default 10,000. */
  timeoutMs?: number;
}

/**
 * Makes a tool.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import * as z from "zod";
 *
 * const openingHours = tool({
 *   name: "opening_hours",
 *   description: "Tells when the front desk is open on a day of the week",
 *   parameters: z.object({ day: z.enum(["weekday", "weekend"]) }),
 *   run: ({ day }) => day === "weekday" ? "7 to 22" : "8 to 20",
 * });
 *
 * assertEquals(openingHours.declaration.name, "opening_hours");
 * ```
 */
export function tool<A>(options: ToolOptions<A>): Tool {
  const { name, description, parameters, timeoutMs = 10_000 } = options;
  const declared = parameters.toJSONSchema({
    io: "input",
    target: "openapi-3.0",
    unrepresentable: "any",
  });
  return {
    declaration: { name, description, parameters: { ...declared } },
    timeoutMs,
    async run(args, context) {
      const result = parameters.safeParse(args);
      if (result.success) return await options.run(result.data, context);
      const problems = result.error.issues.map(({ path, message }) =>
        path.length > 0 ? `${path.join(".")}: ${message}` : message
      );
      throw new TypeError(problems.join("; "));
    },
  };
}
