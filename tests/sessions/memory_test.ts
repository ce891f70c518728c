import { createMemoryStore } from "../../src/sessions/memory.ts";
import { testStore } from "./contract.ts";

testStore("createMemoryStore()", () =>
  Promise.resolve({
    store: createMemoryStore(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));
