import { createMemoryStore } from "./memory_store.ts";
import { testStore } from "../sessions/contract.ts";

testStore("createMemoryStore()", () =>
  Promise.resolve({
    store: createMemoryStore(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));
