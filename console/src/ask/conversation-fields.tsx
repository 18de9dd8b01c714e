import { Choice, Field } from "../form/field";
import type { Draft, Turn } from "./draft";

interface Props {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
}

const ROLES: readonly (readonly [Turn["role"], string])[] = [
  ["system", "the system"],
  ["user", "the user"],
  ["assistant", "the assistant"],
];

/** The turns before the last one, which is the prompt. */
export function EarlierTurns({ draft: { turns }, change }: Props) {
  const replace = (place: number, changes: Partial<Turn>) =>
    change({ turns: turns.map((turn, k) => (k === place ? { ...turn, ...changes } : turn)) });
  return (
    <>
      {turns.map((turn, place) => (
        <fieldset class="item">
          <legend>Turn {place + 1}</legend>
          <Choice
            id={`turn-${place}-role`}
            label="Who says it"
            value={turn.role}
            options={ROLES}
            change={(role) => replace(place, { role: role as Turn["role"] })}
          />
          <Field id={`turn-${place}-text`} label="Text">
            <textarea
              id={`turn-${place}-text`}
              rows={2}
              value={turn.content}
              onInput={(event) => replace(place, { content: event.currentTarget.value })}
            />
          </Field>
          <button type="button" class="quiet" onClick={() => change({ turns: turns.filter((_, k) => k !== place) })}>
            Remove turn {place + 1}
          </button>
        </fieldset>
      ))}
      <div>
        <button type="button" class="quiet" onClick={() => change({ turns: [...turns, { role: nextRole(turns), content: "" }] })}>
          Add a turn before the last
        </button>
      </div>
    </>
  );
}

/** Returns who speaks next in a conversation that the system may begin: user and assistant in turn. */
const nextRole = (turns: readonly Turn[]): Turn["role"] => (turns.at(-1)?.role === "user" ? "assistant" : "user");

/** Which turns attacks are certified on. */
export function AttackedTurns({ draft, change }: Props) {
  return (
    <Choice
      id="attacked-turns"
      label="What an attack may alter"
      hint={
        draft.attackedTurns === "last"
          ? "The earlier turns are held fixed: whoever alters one is outside the certificate."
          : "All that the user said, together. Expect a smaller radius."
      }
      value={draft.attackedTurns}
      options={[
        ["last", "the last turn alone"],
        ["user", "all of the user's turns"],
      ]}
      change={(attackedTurns) => change({ attackedTurns: attackedTurns as Draft["attackedTurns"] })}
    />
  );
}
