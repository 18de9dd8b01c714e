import type { ComponentChildren } from "preact";

interface Common {
  id: string;
  label: string;
  hint?: ComponentChildren;
}

/** A label, its control, and a hint below that the control is described by. */
export function Field({ id, label, hint, children }: Common & { children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** A number as text, so that what is no number can be told. */
export function NumberField(props: Common & { value: string; placeholder: string; change: (value: string) => void }) {
  const { id, label, hint, value, placeholder, change } = props;
  return (
    <Field id={id} label={label} hint={hint}>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        autocomplete="off"
        value={value}
        placeholder={placeholder}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </Field>
  );
}

/** A choice among few. options: value and words of each. */
export function Choice(
  props: Common & { value: string; options: readonly (readonly [string, string])[]; change: (value: string) => void },
) {
  const { id, label, hint, value, options, change } = props;
  return (
    <Field id={id} label={label} hint={hint}>
      <select
        id={id}
        value={value}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => change(event.currentTarget.value)}
      >
        {options.map(([option, words]) => (
          <option value={option}>{words}</option>
        ))}
      </select>
    </Field>
  );
}
