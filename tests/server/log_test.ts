import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import {
  createLog,
  explain,
  type Log,
  LOG_LEVELS,
  type LogLevel,
  type LogOptions,
} from "../../src/server/log.ts";

/** A log that keeps its lines. */
function setup(options: Partial<LogOptions> = {}) {
  const lines: [level: LogLevel, line: string][] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (level, line) => lines.push([level, line]),
    ...options,
  });
  return { log, lines };
}

/** The one line that was written. */
function only(lines: [LogLevel, string][]): string {
  assertEquals(lines.length, 1);
  return lines[0]![1];
}

function logAll(log: Log): void {
  for (const level of LOG_LEVELS) log[level]("thing.happened");
}

Deno.test("createLog() writes an event as one line of JSON", () => {
  const { log, lines } = setup();
  log.info("turn.ended", {
    id: "conv_1",
    ms: 12,
    nested: { a: [1] },
    no: null,
  });
  const line = only(lines);
  const { time, ...rest } = JSON.parse(line);
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals(rest, {
    level: "info",
    event: "turn.ended",
    id: "conv_1",
    ms: 12,
    nested: { a: [1] },
    no: null,
  });
});

Deno.test("createLog() writes one line of JSON whatever the fields hold", () => {
  const { log, lines } = setup();
  const words = 'a\nb\r\n{"level":"error"}\u2028"';
  log.info("thing.happened", { words });
  const line = only(lines);
  assertEquals(line.split(/[\r\n]/).length, 1);
  assertEquals(JSON.parse(line).words, words);
});

for (
  const words of [
    "a\n12:00:00 ERROR forged",
    "\x1b[31mred",
    "\r",
    "\x9b31mred",
    "\x7f",
  ]
) {
  Deno.test(`createLog() writes one line for a person, too: ${JSON.stringify(words)}`, () => {
    for (const value of [words, new Error(words), [words]]) {
      const { log, lines } = setup({ format: "pretty" });
      log.warn("thing.happened", { value });
      // deno-lint-ignore no-control-regex -- those are what is looked for
      assertEquals(only(lines).match(/[\x00-\x1f\x7f-\x9f]/), null);
    }
  });
}

Deno.test("createLog() lets no field replace time, level or event", () => {
  const { log, lines } = setup();
  log.info("real", { event: "forged", level: "error", time: "never" });
  const { time, level, event } = JSON.parse(only(lines));
  assertEquals({ level, event }, { level: "info", event: "real" });
  assertNotEquals(time, "never");
});

Deno.test("createLog() writes the other fields where JSON can't hold one", () => {
  const loop: Record<string, unknown> = {};
  loop.loop = loop;
  for (const format of ["json", "pretty"] as const) {
    for (const value of [loop, 1n]) {
      const { log, lines } = setup({ format });
      log.info("thing.happened", { value, id: "conv_1" });
      assertMatch(only(lines), /thing\.happened/);
      assertMatch(only(lines), /conv_1/);
      assert(only(lines).includes(`[${typeof value}]`));
    }
  }
});

Deno.test("createLog() writes an event without fields", () => {
  const { log, lines } = setup();
  log.info("server.stopped");
  const { event, level } = JSON.parse(only(lines));
  assertEquals({ event, level }, { event: "server.stopped", level: "info" });
});

for (
  const [level, expected] of [
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const
) {
  Deno.test(`createLog() writes from level ${level} on`, () => {
    const { log, lines } = setup({ level });
    logAll(log);
    assertEquals(lines.map(([level]) => level), [...expected]);
    assertEquals(
      lines.map(([, line]) => JSON.parse(line).level),
      [...expected],
    );
  });
}

Deno.test("createLog() writes an error with its causes", () => {
  const { log, lines } = setup();
  const cause = new TypeError("connection refused");
  const error = new Error("Cannot reach the model", { cause });
  log.error("turn.failed", { error, other: "x" });
  const line = JSON.parse(only(lines));
  assertEquals(line.error, "Cannot reach the model <- connection refused");
  assertEquals(line.other, "x");
});

Deno.test("createLog() writes no stack", () => {
  const { log, lines } = setup();
  log.error("turn.failed", { error: new Error("Oh no") });
  assertEquals(only(lines).includes("log_test.ts"), false);
});

Deno.test("createLog() writes for a person: time, level, event and fields", () => {
  const { log, lines } = setup({ format: "pretty" });
  log.warn("turn.slow", { id: "conv_1", ms: 12, list: [1, "a"], yes: true });
  assertMatch(
    only(lines),
    /^\d\d:\d\d:\d\d WARN +turn\.slow id=conv_1 ms=12 list=\[1,"a"\] yes=true$/,
  );
});

Deno.test("createLog() writes errors for a person with their causes", () => {
  const { log, lines } = setup({ format: "pretty" });
  log.error("turn.failed", {
    error: new Error("a", { cause: new Error("b") }),
  });
  const line = only(lines);
  assert(line.includes("a <- b"), line);
});

Deno.test("createLog() observes the level when it writes for a person", () => {
  const { log, lines } = setup({ format: "pretty", level: "warn" });
  logAll(log);
  assertEquals(lines.map(([level]) => level), ["warn", "error"]);
});

for (const format of ["json", "pretty"] as const) {
  Deno.test(`createLog() writes ${format} to the console unless told where`, () => {
    const seen: [string, unknown[]][] = [];
    const real = { ...console };
    for (const level of LOG_LEVELS) {
      // deno-lint-ignore no-console -- what is written to it is the question
      console[level] = (...args: unknown[]) => seen.push([level, args]);
    }
    try {
      logAll(createLog({ level: "debug", format }));
    } finally {
      Object.assign(console, real);
    }
    assertEquals(seen.map(([level]) => level), [...LOG_LEVELS]);
    for (const [, args] of seen) {
      assertEquals(args.length, 1);
      assertMatch(String(args[0]), /thing\.happened/);
    }
  });
}

const ERRORS: [what: string, error: unknown, expected: string][] = [
  ["an error", new Error("a"), "a"],
  ["an error without words", new TypeError(), "TypeError"],
  [
    "causes",
    new Error("a", { cause: new Error("b", { cause: "c" }) }),
    "a <- b <- c",
  ],
  [
    "a cause once, though the error's own words end with it",
    new Error("Cannot write: disk full", { cause: new Error("disk full") }),
    "Cannot write: disk full",
  ],
  ["a cause that is no error", new Error("a", { cause: 404 }), "a <- 404"],
  ["what is no error", "words", "words"],
  ["null", null, "null"],
  ["an abort", new DOMException("Gone", "AbortError"), "Gone"],
];

for (const [what, error, expected] of ERRORS) {
  Deno.test(`explain() tells ${what}`, () => {
    assertEquals(explain(error), expected);
  });
}

Deno.test("explain() ends when the causes form a cycle", () => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  assertEquals(explain(error), "a <- b <- a <- b");
});

Deno.test("explain() tells addresses without their passwords", () => {
  const cause = new Error("failed: https://me:hunter2@a.test/b, c@d.test");
  const error = new Error("No answer of postgres://me:p%40w@db/calls", {
    cause,
  });
  assertEquals(
    explain(error),
    "No answer of postgres://db/calls <- failed: https://a.test/b, c@d.test",
  );
});
