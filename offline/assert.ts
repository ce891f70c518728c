/**
 * Stand-in for `@std/assert`, used only where JSR is out of reach (see
 * pick.ts). It holds the assertions this project's tests use, passing and
 * failing where the real ones do; the failure messages are plainer.
 * tests/offline/std_test.ts runs on both.
 *
 * @module
 */

/** A class, abstract or not, whose instances are of type `T`. */
export type Class<T> = abstract new (...args: never[]) => T;

/** Thrown by every assertion that fails. */
export class AssertionError extends Error {
  /** Makes the error with its message. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** Passes when `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Passes when both values have the same structure; `0` equals `-0`. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}${both(actual, expected)}`,
  );
}

/** Passes when the values differ in structure. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${
      suffix(msg)
    }`,
  );
}

/** Passes when `actual` contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
  );
}

/** Passes when the pattern matches `actual`. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/** Passes when `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw compared(actual, ">", expected, msg);
}

/** Passes when `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw compared(actual, "<", expected, msg);
}

/** Passes when `actual <= expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual <= expected)) throw compared(actual, "<=", expected, msg);
}

/** Passes when `actual` is an instance of the class. */
export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: Class<T>,
  msg?: string,
): asserts actual is T {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" ` +
      `but was "${typeName(actual)}"${suffix(msg)}`,
  );
}

/** Passes when `actual` has all that `expected` has, at every depth. */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(common(actual, expected), common(expected, expected), msg);
}

/** Passes when `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Passes when `fn` throws such an error, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  ...expected: [(Class<Error> | string)?, string?, string?]
): unknown {
  try {
    fn();
  } catch (error) {
    return checked(error, ...expected);
  }
  throw new AssertionError(
    `Expected function to throw${suffix(toMessage(expected))}`,
  );
}

/** Passes when the promise of `fn` rejects, and resolves to the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Passes when the promise of `fn` rejects with such an error; resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expected: [(Class<Error> | string)?, string?, string?]
): Promise<unknown> {
  const end = suffix(toMessage(expected));
  let promise: unknown;
  try {
    promise = fn();
  } catch {
    // To throw at once is no promise, either.
  }
  if (!isObject(promise) || !("then" in promise)) {
    throw new AssertionError(`Function throws when expected to reject${end}`);
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, ...expected);
  }
  throw new AssertionError(`Expected function to reject${end}`);
}

/** The tester's own message, which stands last, or alone. */
function toMessage(
  [first, , msg]: [(Class<Error> | string)?, string?, string?],
): string | undefined {
  return typeof first === "string" ? first : msg;
}

function checked(
  error: unknown,
  ErrorClass?: Class<Error> | string,
  includes = "",
  msg?: string,
): unknown {
  // Without a class the real ones look at nothing, the text included.
  if (typeof ErrorClass !== "function") return error;
  assertInstanceOf(error, ErrorClass, msg);
  if (error.message.includes(includes)) return error;
  throw new AssertionError(
    `Expected error message to include ${JSON.stringify(includes)}, ` +
      `but got ${JSON.stringify(error.message)}${suffix(msg)}`,
  );
}

/** Two objects that are being compared. */
type Pair = readonly [object, object];

/** Compares by structure; meeting one of `within` again is a cycle. */
function equal(a: unknown, b: unknown, within: readonly Pair[] = []): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (prototypeOf(a) !== prototypeOf(b)) return false;
  if (within.some(([x, y]) => x === a && y === b)) return true;
  const pairs: Pair[] = [...within, [a, b]];

  if (a instanceof Date && b instanceof Date) {
    return Object.is(a.getTime(), b.getTime());
  }
  if (isTextual(a)) return String(a) === String(b);
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) {
    return equal(new Uint8Array(a), new Uint8Array(b));
  }
  if (a instanceof Map && b instanceof Map) return sameEntries(a, b, pairs);
  if (a instanceof Set && b instanceof Set) {
    return sameEntries(new Map(a.entries()), new Map(b.entries()), pairs);
  }

  const keys = keysOf(a);
  return keys.size === keysOf(b).size &&
    [...keys].every((key) =>
      key in b && equal(Reflect.get(a, key), Reflect.get(b, key), pairs)
    );
}

/** Whether each entry of `a` has its equal in `b`, in whatever order. */
function sameEntries(
  a: Map<unknown, unknown>,
  b: Map<unknown, unknown>,
  pairs: readonly Pair[],
): boolean {
  return a.size === b.size &&
    [...a].every(([key, value]) =>
      b.has(key)
        ? equal(value, b.get(key), pairs)
        : isObject(key) && [...b].some(([otherKey, otherValue]) =>
          equal(key, otherKey, pairs) && equal(value, otherValue, pairs)
        )
    );
}

/**
 * The properties that count: of literals, arrays and bytes the enumerable ones;
 * of class instances all, down their prototypes too, for there are the getters.
 */
function keysOf(value: object): Set<PropertyKey> {
  if (
    prototypeOf(value) === Object.prototype || Array.isArray(value) ||
    (ArrayBuffer.isView(value) && !(value instanceof DataView))
  ) {
    return new Set(
      Reflect.ownKeys(value).filter((key) =>
        Object.prototype.propertyIsEnumerable.call(value, key)
      ),
    );
  }
  const keys = new Set<PropertyKey>();
  let holder: object = value;
  while (holder !== Object.prototype) {
    for (const key of Reflect.ownKeys(holder)) keys.add(key);
    holder = prototypeOf(holder);
  }
  return keys;
}

/** The prototype, an object without any counting as a literal. */
function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Whether the text of a value says all that there is to compare. */
function isTextual(value: object): boolean {
  return value instanceof RegExp || value instanceof URL ||
    value instanceof URLSearchParams;
}

/**
 * What of `actual` the expectation speaks of, as literals and arrays, so that
 * a class instance matches a literal.
 */
function common(actual: unknown, expected: unknown): unknown {
  if (!isObject(actual) || !isObject(expected)) return actual;
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((value, index) =>
      common(value, expected[index])
    );
  }
  if (
    isTextual(actual) || actual instanceof Date || ArrayBuffer.isView(actual)
  ) {
    return actual;
  }
  const shared = Reflect.ownKeys(actual).filter((key) =>
    Object.hasOwn(expected, key)
  );
  return Object.fromEntries(
    shared.map((key) => [
      key,
      common(Reflect.get(actual, key), Reflect.get(expected, key)),
    ]),
  );
}

function compared(
  actual: unknown,
  operator: string,
  expected: unknown,
  msg: string | undefined,
): AssertionError {
  return new AssertionError(
    msg ?? `Expect ${show(actual)} ${operator} ${show(expected)}`,
  );
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

function typeName(value: unknown): string {
  if (!isObject(value)) return value === null ? "null" : typeof value;
  return value.constructor?.name ?? "Object";
}

function both(actual: unknown, expected: unknown): string {
  return `\n\nActual:\n${show(actual)}\n\nExpected:\n${show(expected)}\n`;
}

function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    iterableLimit: Infinity,
    sorted: true,
    strAbbreviateSize: Infinity,
    trailingComma: true,
  });
}
