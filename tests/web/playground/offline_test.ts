import { assertEquals } from "@std/assert";
import { createWait } from "../../../src/web/playground/offline.js";

Deno.test("createWait() asks until it is back, and tells once", async () => {
  const answers = [false, false, true, true];
  const back = Promise.withResolvers<void>();
  let told = 0;
  const wait = createWait({
    isBack: () => Promise.resolve(answers.shift() ?? true),
    onBack() {
      told++;
      back.resolve();
    },
    everyMs: 1,
  });
  wait.begin();
  wait.begin();
  await back.promise;
  assertEquals(told, 1);
  assertEquals(answers, [true]);
});

Deno.test("createWait() heeds no answer that comes after its end", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  let told = 0;
  const wait = createWait({
    isBack() {
      asked.resolve();
      return answer.promise;
    },
    onBack: () => told++,
    everyMs: 1,
  });
  wait.begin();
  await asked.promise;
  wait.end();
  answer.resolve(true);
  await answer.promise;
  await Promise.resolve();
  assertEquals(told, 0);
});
