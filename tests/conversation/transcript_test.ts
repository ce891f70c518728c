import { assertEquals } from "@std/assert";
import {
  isReworded,
  locate,
  toCorrections,
} from "../../src/conversation/transcript.ts";
import type { Utterance } from "../../src/conversation/turn.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { Session } from "../../src/sessions/session.ts";

const at = "2026-01-01T00:00:00.000Z";

/** A conversation: what was said in each turn, by the caller and by the agent; no caller's words: the agent spoke first. */
type Said = [
  user: string,
  assistant: string,
  status?: "interrupted" | "complete",
  heard?: string,
];

function toSession(said: readonly Said[]): Session {
  const session = new Session("conv");
  for (const [n, turn] of said.entries()) {
    const [user, assistant, status = "complete", heard] = turn;
    const ofTurn = { turnId: `t${n}`, at };
    const records: SessionRecord[] = [
      { type: "user", text: user, ...ofTurn },
      { type: "assistant", text: assistant, ...ofTurn },
      { type: "end", status, ...ofTurn },
    ];
    if (heard !== undefined) {
      records.push({ type: "heard", text: heard, ...ofTurn });
    }
    for (const record of records.slice(n === 0 && user === "" ? 1 : 0)) {
      session.apply(record);
    }
  }
  return session;
}

/** A transcript, of which each text tells who said it: `>` stands before the caller's. */
function toTranscript(texts: readonly string[]): Utterance[] {
  return texts.map((text) =>
    text.startsWith(">")
      ? { by: "caller", text: text.slice(1) }
      : { by: "agent", text }
  );
}

/** What is known to have been heard, by turn. */
function toAllHeard({ turns }: Session): Record<string, string> {
  return Object.fromEntries(
    turns.flatMap(({ id, heard }) => heard === undefined ? [] : [[id, heard]]),
  );
}

const HOTEL: Said[] = [
  ["", "Welcome! How can I help?"],
  ["Do you have a room for 2 people?", "Yes, room 12 is free at 90 euros."],
  ["Is breakfast included?", "It is, from 7 to 10."],
];

interface Case {
  name: string;
  said: Said[];
  transcript: string[];
  text: string;
  /** The turn that the words belong to; absent: a new one. */
  turn?: string;
  /** Whether they take the place of that turn's. */
  isReworded?: true;
  /** What was heard of turns, where it is corrected. */
  heard?: Record<string, string>;
  /** What is taken over, by the caller and the agent. */
  takenOver?: [string, string][];
}

const CASES: Case[] = [
  {
    name: "the next sentence begins a turn",
    said: HOTEL,
    transcript: [
      "Welcome! How can I help?",
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
      ">Is breakfast included?",
      "It is, from 7 to 10.",
    ],
    text: "I take it.",
  },
  {
    name: "a history that was recognised anew corrects nothing",
    said: HOTEL,
    transcript: [
      "welcome how can i help",
      ">do you have a room for two people",
      "yes room twelve is free at ninety euros",
      ">is breakfast included",
      "it is from seven to ten",
    ],
    text: "i take it",
  },
  {
    name: "a repeated sentence belongs to its turn",
    said: HOTEL,
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
    ],
    text: "is breakfast included",
    turn: "t2",
  },
  {
    name: "a longer sentence takes its beginning's place",
    said: [...HOTEL, ["I take", "What do you take?", "interrupted"]],
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10.",
    ],
    text: "I take the room.",
    turn: "t3",
    isReworded: true,
  },
  {
    name: "a shorter one that comes late belongs to the longer",
    said: [...HOTEL, ["I take the room.", "Good."]],
    transcript: [">Is breakfast included?", "It is, from 7 to 10."],
    text: "I take",
    turn: "t3",
  },
  {
    name: "a shorter one that was misheard at its end does, too",
    said: [...HOTEL, ["I would like to book it", "Good."]],
    transcript: [">Is breakfast included?", "It is, from 7 to 10."],
    text: "I would like two",
    turn: "t3",
  },
  {
    name:
      "a sentence that comes again when the next was said belongs to its turn",
    said: [...HOTEL, ["I take it.", "Good."]],
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
    ],
    text: "Is breakfast included",
    turn: "t2",
  },
  {
    name: "one that was misheard then does, too",
    said: [...HOTEL, ["I take it.", "Good."]],
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
    ],
    text: "Is there breakfast included",
    turn: "t2",
  },
  {
    name: "a sentence that was said twice is told by the one before",
    said: [["", "Welcome!"], ["Yes", "Fine."], ["Okay", "Good."], [
      "Yes",
      "Fine.",
    ]],
    transcript: ["Welcome!", ">Yes", "Fine."],
    text: "Okay",
    turn: "t2",
  },
  {
    name: "the very words are the same rather than some that are alike",
    said: [["I want to cancel", "It is done."], ["I want", "It is done."]],
    transcript: [">I want to cancel", "It is done."],
    text: "I want to book",
    turn: "t1",
    isReworded: true,
  },
  {
    name: "an answer that was heard in other words is known by them",
    said: [...HOTEL, ["Hello?", "It is, as I said.", "complete", "One moment"]],
    transcript: [">Hello?", "one moment"],
    text: "Good.",
  },
  {
    name: "a number may be spelt out sign by sign",
    said: [["Number?", "It is 4711, see you on Monday, or later."]],
    transcript: [">Number?", "it is four seven one one"],
    text: "Good.",
    heard: { t0: "It is 4711," },
  },
  {
    name: "an edited sentence takes the place of the old one",
    said: [...HOTEL, ["I take it.", "Good."]],
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
    ],
    text: "Where are you?",
    turn: "t2",
    isReworded: true,
  },
  {
    name: "the same word said twice is two turns",
    said: [["Yes", "And then?"], ["Yes", "All right."]],
    transcript: [">Yes", "And then?", ">Yes", "All right."],
    text: "Yes",
  },
  {
    name: "the same word sent twice is one turn",
    said: [["Yes", "And then?"], ["Yes", "All right."]],
    transcript: [">Yes", "And then?"],
    text: "Yes",
    turn: "t1",
  },
  {
    name: "an answer that was cut off was heard up to there",
    said: HOTEL,
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
      ">Is breakfast included?",
      "It is, from",
    ],
    text: "Good.",
    heard: { t2: "It is, from" },
  },
  {
    name: "an answer that was cut off at a number was heard up to there",
    said: HOTEL,
    transcript: [
      ">do you have a room for two people",
      "yes room twelve",
    ],
    text: "is breakfast included",
    turn: "t2",
    heard: { t1: "Yes, room 12" },
  },
  {
    name: "an answer of which nothing was heard",
    said: HOTEL,
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
      ">Is breakfast included?",
    ],
    text: "And lunch?",
    heard: { t2: "" },
  },
  {
    name: "words of the platform's own were heard in place of ours",
    said: HOTEL,
    transcript: [
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
      ">Is breakfast included?",
      "Sorry, there was a problem on the line.",
    ],
    text: "Hello?",
    heard: { t2: "Sorry, there was a problem on the line." },
  },
  {
    name: "words of the platform's own may have some of ours among them",
    said: [...HOTEL, ["Hello?", "Are you still there?"]],
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10.",
      ">Hello?",
      "Sorry, there was a problem on the line.",
    ],
    text: "Yes",
    heard: { t3: "Sorry, there was a problem on the line." },
  },
  {
    name: "a word that recognition parted is one of ours",
    said: [["Hello?", "I'm sorry, could you say that again?"]],
    transcript: [">hello", "i m sorry could"],
    text: "yes",
    heard: { t0: "I'm sorry, could" },
  },
  {
    name: "a language without blanks is cut by its signs",
    said: [["你好", "你好，我是客服，请问有什么可以帮您"]],
    transcript: [">你好", "你好，我是"],
    text: "我要订房",
    heard: { t0: "你好，我是" },
  },
  {
    name: "a greeting of the platform's is taken over",
    said: [],
    transcript: ["Hotel Parley, good morning."],
    text: "Good morning.",
    takenOver: [["", "Hotel Parley, good morning."]],
  },
  {
    name: "a past that nobody here knows is taken over",
    said: [],
    transcript: [">One", "First.", ">Two", "Second."],
    text: "Three",
    takenOver: [["One", "First."], ["Two", "Second."]],
  },
  {
    name: "a turn that was answered elsewhere is taken over",
    said: HOTEL,
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10.",
      ">And lunch?",
      "No.",
    ],
    text: "I see.",
    takenOver: [["And lunch?", "No."]],
  },
  {
    name: "a greeting that is missing in the record stays missing",
    said: HOTEL.slice(1),
    transcript: [
      "Good morning.",
      ">Do you have a room for 2 people?",
      "Yes, room 12 is free at 90 euros.",
      ">Is breakfast included?",
      "It is, from 7 to 10.",
    ],
    text: "I take it.",
  },
  {
    name: "a history of one round goes on at the end",
    said: HOTEL,
    transcript: [">Is breakfast included?", "It is, from 7 to 10."],
    text: "I take it.",
  },
  {
    name: "a history that begins with a known answer brings nothing new",
    said: HOTEL,
    transcript: ["it is from seven to ten"],
    text: "I take it.",
  },
  {
    name: "no history is a new sentence, though it was said before",
    said: HOTEL,
    transcript: [],
    text: "Is breakfast included?",
  },
  {
    name: "no history is the sentence under way, where that is cut off",
    said: [...HOTEL, ["I take it", "", "interrupted"]],
    transcript: [],
    text: "I take it.",
    turn: "t3",
  },
  {
    name: "no history is the first sentence, come again",
    said: [["Hello", "Hi."]],
    transcript: [],
    text: "hello",
    turn: "t0",
  },
  {
    name: "silence begins a turn",
    said: HOTEL,
    transcript: [">Is breakfast included?", "It is, from 7 to 10."],
    text: "",
  },
  {
    name: "silence that comes again belongs to its turn",
    said: [...HOTEL, ["", "Are you still there?"]],
    transcript: [">Is breakfast included?", "It is, from 7 to 10."],
    text: "",
    turn: "t3",
  },
  {
    name: "more silence begins a turn",
    said: [...HOTEL, ["", "Are you still there?"]],
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10. Are you still there?",
    ],
    text: "",
  },
  {
    name: "what was heard is parted among the turns that it was said in",
    said: [...HOTEL, ["", "Are you still there?"]],
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10.",
      "Are you still",
    ],
    text: "Yes",
    heard: { t3: "Are you still" },
  },
  {
    name: "sentences that the platform put together go on at the end",
    said: [["I want to", "", "interrupted"], ["book a room", "For when?"]],
    transcript: [">I want to book a room", "For when?"],
    text: "Tomorrow",
  },
  {
    name: "a greeting may be cut off at its first word",
    said: [["", "Welcome! How can I help you today?"]],
    transcript: ["Welcome!"],
    text: "Do you have a room?",
    heard: { t0: "Welcome!" },
  },
  {
    name: "many sentences that were answered elsewhere are taken over once",
    said: HOTEL,
    transcript: [
      ">Is breakfast included?",
      "It is, from 7 to 10.",
      ...["a car", "a dog", "children", "skis"].flatMap((what) => [
        `>Can I bring ${what}?`,
        `Sure, ${what} will be welcome.`,
      ]),
    ],
    text: "I take it.",
    takenOver: ["a car", "a dog", "children", "skis"].map((what) => [
      `Can I bring ${what}?`,
      `Sure, ${what} will be welcome.`,
    ]),
  },
];

for (const { name, said, transcript, text, turn, ...expected } of CASES) {
  Deno.test(`locate() and toCorrections(): ${name}`, () => {
    const session = toSession(said);
    const told = { text, transcript: toTranscript(transcript) };
    const found = locate(session.turns, told);
    assertEquals(found?.id, turn);
    assertEquals(
      found !== undefined && isReworded(text, found, session.turns),
      expected.isReworded ?? false,
    );
    const known = session.turns.length;
    const heardBefore = toAllHeard(session);
    const records = toCorrections(session, told, turn ?? "new", at);
    for (const record of records) session.apply(record);
    assertEquals(toAllHeard(session), { ...heardBefore, ...expected.heard });
    const takenOver = session.turns.slice(known)
      .map(({ user = "", assistant }) => [user, assistant]);
    assertEquals(takenOver, expected.takenOver ?? []);
    // What was once corrected is not corrected again.
    assertEquals(toCorrections(session, told, turn ?? "new", at), []);
  });
}
