import { assertEquals } from "@std/assert";
import { nameModel } from "../../../src/web/playground/info.js";

Deno.test("nameModel() names the provider, and the model where that adds something", () => {
  assertEquals(nameModel("gemini", "flash"), "gemini · flash");
  assertEquals(nameModel("echo", "echo"), "echo");
  assertEquals(nameModel("ollama"), "ollama");
});
