/**
 * What this project relies on in `@std`. The imports are bare, so the tests run
 * on the real packages or on the stand-ins in offline/, whichever are in use,
 * and keep the two from drifting apart.
 *
 * The assertions are tested with a bare `throw`: they cannot vouch for themselves.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parse } from "@std/dotenv";
import { type Cookie, setCookie } from "@std/http/cookie";

// --- @std/http/cookie

function setCookies(...cookies: Cookie[]): string[] {
  const headers = new Headers();
  for (const cookie of cookies) setCookie(headers, cookie);
  return headers.getSetCookie();
}

Deno.test("setCookie() orders name, Secure, HttpOnly, SameSite, Path", () => {
  assertEquals(
    setCookies({
      path: "/",
      sameSite: "Lax",
      httpOnly: true,
      secure: true,
      value: "1",
      name: "a",
    }),
    ["a=1; Secure; HttpOnly; SameSite=Lax; Path=/"],
  );
});

Deno.test("setCookie() leaves out what is false, empty or not given", () => {
  assertEquals(
    setCookies(
      { name: "a", value: "" },
      { name: "b", value: "=", secure: false, httpOnly: false, path: "" },
    ),
    ["a=", "b=="],
  );
});

Deno.test("setCookie() adds a header to those that are there, none without a name", () => {
  assertEquals(
    setCookies(
      { name: "a", value: "1" },
      { name: "", value: "2" },
      { name: "a", value: "3", path: "/x y" },
    ),
    ["a=1", "a=3; Path=/x y"],
  );
});

/** The characters of which setCookie() refuses one in a cookie's part. */
function refused(toCookie: (character: string) => Cookie): string {
  let text = "";
  for (let code = 0; code <= 0x101; code++) {
    const character = String.fromCharCode(code);
    const headers = new Headers();
    try {
      setCookie(headers, toCookie(character));
    } catch (error) {
      assertInstanceOf(error, SyntaxError);
      assertEquals(headers.get("set-cookie"), null);
      text += character;
    }
  }
  return text;
}

/** The characters from one code to another. */
function range(from: number, to: number): string {
  const codes = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return String.fromCharCode(...codes);
}

Deno.test("setCookie() refuses characters that would end a name, a value or a path", () => {
  const controls = range(0, 0x1f);
  assertEquals(
    refused((character) => ({ name: `a${character}b`, value: "1" })),
    `${controls} "(),:;<=>?@[\\]{}${range(0x7f, 0x101)}`,
  );
  assertEquals(
    refused((character) => ({ name: "a", value: `1${character}2` })),
    `${controls} ",;\\\x7f${range(0x81, 0x101)}`,
  );
  assertEquals(
    refused((path) => ({ name: "a", value: "1", path: `/${path}` })),
    `${controls};${range(0x7f, 0x101)}`,
  );
});

// --- @std/dotenv

/** As an array, for the result has no prototype. */
function entries(text: string): [string, string][] {
  return Object.entries(parse(text));
}

Deno.test("parse() returns an object without a prototype", () => {
  assert(Object.getPrototypeOf(parse("A=1")) === null);
  assertEquals(entries(""), []);
});

Deno.test("parse() reads one value a line, skipping comments and the rest", () => {
  assertEquals(
    entries("# c\nA=1\r\n\n  B = two words \nnothing\nC=\n#D=4"),
    [["A", "1"], ["B", "two words"], ["C", ""]],
  );
});

Deno.test("parse() allows export", () => {
  assertEquals(entries("export A=1\n  export  B=2"), [["A", "1"], ["B", "2"]]);
});

Deno.test("parse() lets the later line win", () => {
  assertEquals(entries("A=1\nA='2'"), [["A", "2"]]);
});

Deno.test("parse() ends an unquoted value at #", () => {
  assertEquals(
    entries("A=x # y\nB=x#y\nC='x # y' # z\nD=\"x#y\"#z"),
    [["A", "x"], ["B", "x"], ["C", "x # y"], ["D", "x#y"]],
  );
});

Deno.test("parse() takes single-quoted values as they are", () => {
  assertEquals(entries(String.raw`A='a\n$B ${"${B}"} "'`), [
    ["A", String.raw`a\n$B ${"${B}"} "`],
  ]);
  assertEquals(entries("A=' spaces '"), [["A", " spaces "]]);
});

Deno.test("parse() resolves escapes, not references, in double-quoted values", () => {
  assertEquals(entries(String.raw`A="a\nb\rc\td\"e\'f\\g\h $B"`), [
    ["A", "a\nb\rc\td\"e'f\\g\\h $B"],
  ]);
});

Deno.test("parse() reads quoted values over several lines", () => {
  assertEquals(entries("A='a\nb'\nB=\"c\nd\"\nC=1"), [
    ["A", "a\nb"],
    ["B", "c\nd"],
    ["C", "1"],
  ]);
});

Deno.test("parse() takes a quote that never ends for a part of the value", () => {
  assertEquals(entries("A='a\nB=2"), [["A", "'a"], ["B", "2"]]);
});

Deno.test("parse() expands references in unquoted values", () => {
  assertEquals(
    entries("A=$Z-1\nB=${Z}\nC=${NO_SUCH_NAME:-d}\nD=$NO_SUCH_NAME\nZ='z'"),
    [["A", "z-1"], ["B", "z"], ["C", "d"], ["D", "undefined"], ["Z", "z"]],
  );
});

Deno.test("parse() leaves an escaped reference as it is, backslash and all", () => {
  assertEquals(entries("A=\\$Z\nZ=z"), [["A", "\\$Z"], ["Z", "z"]]);
});

Deno.test("parse() expands what a reference led to", () => {
  assertEquals(
    entries("A=${B}!\nB=${C}\nC=c\nD=${NO_SUCH_NAME:-${C}}"),
    [["A", "c!"], ["B", "c"], ["C", "c"], ["D", "c"]],
  );
});

Deno.test("parse() expands from the environment, its own values first", () => {
  Deno.env.set("PARLEY_STD_TEST", "environment");
  try {
    assertEquals(entries("A=$PARLEY_STD_TEST"), [["A", "environment"]]);
    assertEquals(entries("PARLEY_STD_TEST=file\nA=$PARLEY_STD_TEST"), [
      ["PARLEY_STD_TEST", "file"],
      ["A", "file"],
    ]);
  } finally {
    Deno.env.delete("PARLEY_STD_TEST");
  }
});

Deno.test("parse() skips a bad name with a warning", () => {
  const warnings: unknown[] = [];
  const { console } = globalThis;
  const { warn } = console;
  console.warn = (text: unknown) => warnings.push(text);
  try {
    assertEquals(entries("1A=1\na-b='2\n3'\nC=3"), [["C", "3"]]);
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings.length, 2);
  assertStringIncludes(String(warnings[1]), '"a-b"');
});

// --- @std/assert

/** What an assertion said, which has to fail; without colours. */
function failure(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    if (error.name !== "AssertionError") throw new Error("wrong name");
    // deno-lint-ignore no-control-regex -- that is what colours are made of
    return error.message.replaceAll(/\x1b\[[\d;]*m/g, "");
  }
  throw new Error(`It passed: ${assertion}`);
}

/** The same for a promise. */
async function rejection(assertion: () => Promise<unknown>): Promise<string> {
  const error = await assertion().catch((error) => error);
  if (!(error instanceof Error)) throw new Error(`It passed: ${assertion}`);
  return failure(() => {
    throw error;
  });
}

/** Fails unless the text has all parts; for use on messages of assertions. */
function expectParts(text: string, ...parts: string[]): void {
  for (const part of parts) {
    if (!text.includes(part)) throw new Error(`No ${part} in: ${text}`);
  }
}

class Point {
  constructor(readonly x: number) {}
}

/** Its state shows through a getter only. */
class Hidden {
  #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}

function cycle(name: string): object {
  const self: Record<string, unknown> = { name };
  self["self"] = self;
  return self;
}

Deno.test("AssertionError is an Error with its own name", () => {
  const cause = new Error("cause");
  const error = new AssertionError("text", { cause });
  if (!(error instanceof Error)) throw new Error("not an Error");
  expectParts(`${error}`, "AssertionError: text");
  if (error.cause !== cause) throw new Error("no cause");
});

Deno.test("assert() passes on truthy values and narrows", () => {
  const value: string | undefined = ["a"].at(0);
  assert(value);
  value.length;
  for (const falsy of [false, 0, "", null, undefined, NaN]) {
    expectParts(failure(() => assert(falsy, "reason")), "reason");
  }
});

const EQUAL: [name: string, a: unknown, b: unknown][] = [
  ["primitives", "a", "a"],
  ["NaN", NaN, NaN],
  ["0 and -0", 0, -0],
  ["literals, keys in any order", { a: 1, b: [2] }, { b: [2], a: 1 }],
  ["a literal without a prototype", Object.create(null), {}],
  ["nested 0 and -0", [{ a: 0 }], [{ a: -0 }]],
  ["typed arrays", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["buffers", new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
  ["dates", new Date(5), new Date(5)],
  ["URLs", new URL("http://a/b"), new URL("http://a/b")],
  ["patterns", /a/g, /a/g],
  [
    "maps in any order",
    new Map([[1, {}], [2, {}]]),
    new Map([[2, {}], [1, {}]]),
  ],
  [
    "sets of objects",
    new Set([{ a: 1 }, { a: 2 }]),
    new Set([{ a: 2 }, { a: 1 }]),
  ],
  ["class instances", new Point(1), new Point(1)],
  ["hidden state", new Hidden(1), new Hidden(1)],
  ["cycles", cycle("a"), cycle("a")],
];

const DIFFERENT: [name: string, a: unknown, b: unknown][] = [
  ["types", 1, "1"],
  ["null and undefined", null, undefined],
  ["a missing key and undefined", { a: undefined }, {}],
  ["the same, mirrored", {}, { a: undefined }],
  ["another key that is undefined", { a: undefined }, { b: undefined }],
  ["lengths", [1, 2], [1]],
  ["order", [1, 2], [2, 1]],
  ["an array and a literal", [], {}],
  ["a class instance and a literal", new Point(1), { x: 1 }],
  ["class instances", new Point(1), new Point(2)],
  ["hidden state", new Hidden(1), new Hidden(2)],
  ["typed arrays", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["kinds of typed arrays", new Uint8Array([1]), new Int8Array([1])],
  ["dates", new Date(5), new Date(6)],
  ["URLs", new URL("http://a/b"), new URL("http://a/c")],
  ["patterns", /a/, /a/g],
  ["map values", new Map([[1, 2]]), new Map([[1, 3]])],
  ["map keys", new Map([[1, undefined]]), new Map([[2, undefined]])],
  ["sets", new Set([1]), new Set([2])],
  ["sets of objects", new Set([{ a: 1 }]), new Set([{ a: 2 }])],
  ["functions", () => 1, () => 1],
  ["cycles", cycle("a"), cycle("b")],
];

for (const [name, a, b] of EQUAL) {
  Deno.test(`assertEquals() passes on equal values: ${name}`, () => {
    assertEquals(a, b);
    assertEquals(b, a);
    failure(() => assertNotEquals(a, b));
  });
}

for (const [name, a, b] of DIFFERENT) {
  Deno.test(`assertEquals() fails on different values: ${name}`, () => {
    failure(() => assertEquals(a, b));
    failure(() => assertEquals(b, a));
    assertNotEquals(a, b);
  });
}

Deno.test("assertEquals() shows both values and the message", () => {
  expectParts(
    failure(() =>
      assertEquals(
        { a: { b: { c: { d: { e: { f: 1 } } } } } },
        { a: 22 },
        "why",
      )
    ),
    "Values are not equal: why",
    "f: 1",
    "a: 22",
  );
});

Deno.test("assertNotEquals() shows the message", () => {
  expectParts(failure(() => assertNotEquals(1, 1, "why")), "1", "why");
});

Deno.test("assertStringIncludes() looks for a part", () => {
  assertStringIncludes("abc", "b");
  expectParts(
    failure(() => assertStringIncludes("abc", "d", "why")),
    `"abc"`,
    `"d"`,
    "why",
  );
});

Deno.test("assertMatch() applies a pattern", () => {
  assertMatch("abc", /^a.c$/);
  expectParts(
    failure(() => assertMatch("abc", /^b/, "why")),
    `"abc"`,
    "/^b/",
    "why",
  );
});

Deno.test("assertGreater() and its kin compare", () => {
  assertGreater(2, 1);
  assertLess(1, 2);
  assertLessOrEqual(1, 1);
  expectParts(failure(() => assertGreater(1, 1)), "Expect 1 > 1");
  expectParts(failure(() => assertLess(1, 1)), "Expect 1 < 1");
  expectParts(failure(() => assertLessOrEqual(2, 1)), "Expect 2 <= 1");
  failure(() => assertLessOrEqual(NaN, NaN));
  for (
    const comparison of [
      () => assertGreater(1, 2, "why"),
      () => assertLess(2, 1, "why"),
      () => assertLessOrEqual(2, 1, "why"),
    ]
  ) {
    expectParts(failure(comparison), "why");
  }
});

Deno.test("assertInstanceOf() asks for a class, and narrows", () => {
  const value: unknown = new Point(1);
  assertInstanceOf(value, Point);
  value.x.toFixed();
  assertInstanceOf(new TypeError(), Error);
  expectParts(
    failure(() => assertInstanceOf({}, Point, "why")),
    "Point",
    "Object",
    "why",
  );
  failure(() => assertInstanceOf(null, Point));
  failure(() => assertInstanceOf("a", String));
});

Deno.test("assertObjectMatch() passes when the expected part is there", () => {
  const actual = { a: 1, b: { c: 2, d: 3 }, e: [{ f: 4, g: 5 }] };
  assertObjectMatch(actual, {});
  assertObjectMatch(actual, { a: 1 });
  assertObjectMatch(actual, { b: { c: 2 }, e: [{ g: 5 }] });
  assertObjectMatch(new Point(1), { x: 1 });
  assertObjectMatch({ at: new Date(1), by: /a/ }, { at: new Date(1), by: /a/ });
});

Deno.test("assertObjectMatch() fails when the expected part is not there", () => {
  const actual = { a: 1, b: { c: 2, d: 3 }, e: [{ f: 4 }] };
  failure(() => assertObjectMatch(actual, { a: 2 }));
  failure(() => assertObjectMatch(actual, { z: undefined }));
  failure(() => assertObjectMatch(actual, { b: { c: 3 } }));
  failure(() => assertObjectMatch(actual, { b: 2 }));
  failure(() => assertObjectMatch(actual, { e: [{ f: 5 }] }));
  failure(() => assertObjectMatch(actual, { e: [{ f: 4 }, { f: 4 }] }));
  failure(() => assertObjectMatch({ at: new Date(1) }, { at: new Date(2) }));
  expectParts(
    failure(() => assertObjectMatch(actual, { a: 2 }, "why")),
    "why",
  );
});

Deno.test("assertObjectMatch() takes one object expected in two ways", () => {
  const shared = { a: 1, b: 2 };
  assertObjectMatch({ x: shared, y: shared }, { x: { a: 1 }, y: { b: 2 } });
});

function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

Deno.test("assertThrows() returns what was thrown, typed by the class", () => {
  const error = new TypeError("some text");
  for (
    const caught of [
      assertThrows(throwing(error)),
      assertThrows(throwing(error), "why"),
      assertThrows(throwing(error), Error),
      assertThrows(throwing(error), TypeError, "me te"),
    ]
  ) {
    assert(caught === error);
  }
  const typed: TypeError = assertThrows(throwing(error), TypeError);
  assert(typed.message === "some text");
  assert(assertThrows(throwing("text")) === "text");
});

Deno.test("assertThrows() fails without a throw, class or text", () => {
  const error = new TypeError("some text");
  expectParts(failure(() => assertThrows(() => {}, "why")), "why");
  expectParts(
    failure(() => assertThrows(throwing(error), RangeError, "", "why")),
    "RangeError",
    "TypeError",
    "why",
  );
  expectParts(
    failure(() => assertThrows(throwing(error), TypeError, "other", "why")),
    "other",
    "some text",
    "why",
  );
  failure(() => assertThrows(throwing("text"), Error));
});

Deno.test("assertRejects() resolves to the reason, typed by the class", async () => {
  const error = new TypeError("some text");
  for (
    const caught of [
      await assertRejects(() => Promise.reject(error)),
      await assertRejects(() => Promise.reject(error), "why"),
      await assertRejects(() => Promise.reject(error), Error),
      await assertRejects(() => Promise.reject(error), TypeError, "me te"),
    ]
  ) {
    assert(caught === error);
  }
  const typed: TypeError = await assertRejects(
    () => Promise.reject(error),
    TypeError,
  );
  assert(typed.message === "some text");
});

Deno.test("assertRejects() fails without a rejection, class or text", async () => {
  const error = new TypeError("some text");
  expectParts(
    await rejection(() => assertRejects(() => Promise.resolve(), "why")),
    "why",
  );
  expectParts(
    await rejection(() =>
      assertRejects(() => Promise.reject(error), RangeError)
    ),
    "RangeError",
    "TypeError",
  );
  expectParts(
    await rejection(() =>
      assertRejects(() => Promise.reject(error), TypeError, "other", "why")
    ),
    "other",
    "some text",
    "why",
  );
  await rejection(() => assertRejects(() => Promise.reject("text"), Error));
});

Deno.test("assertRejects() takes a synchronous throw for a failure", async () => {
  expectParts(
    await rejection(() =>
      assertRejects(throwing(new Error("some text")), "why")
    ),
    "why",
  );
});
