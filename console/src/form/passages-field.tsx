import { count } from "../digits";
import { Field } from "./field";

interface Props {
  id: string;
  label: string;
  /** What is so of each passage, said below the field. */
  says: string;
  value: string;
  change: (value: string) => void;
}

/** Returns the passages of a text: what blank lines separate. */
export const passagesOf = (text: string): string[] =>
  text
    .split(/\n\s*\n/)
    .map((passage) => passage.trim())
    .filter(Boolean);

/** A text of several passages. */
export function PassagesField({ id, label, says, value, change }: Props) {
  return (
    <Field id={id} label={label} hint={`A blank line between two of them. ${count(passagesOf(value).length, "passage")}; ${says}.`}>
      <textarea
        id={id}
        rows={10}
        value={value}
        aria-describedby={`${id}-hint`}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </Field>
  );
}
