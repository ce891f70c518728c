import { assertEquals } from "@std/assert";
import { toShortcut } from "../../../src/web/playground/keyboard.js";

Deno.test("toShortcut() leaves keys to what has the focus", () => {
  const keys = ["Escape", " ", "/", "?", "a"];
  for (
    const [focus, expected] of [
      ["nowhere", ["stop", "talk", "write", "help", undefined]],
      ["control", ["stop", undefined, "write", "help", undefined]],
      ["field", ["stop", undefined, undefined, undefined, undefined]],
    ] as const
  ) {
    assertEquals(keys.map((key) => toShortcut(key, focus)), [...expected]);
  }
});
