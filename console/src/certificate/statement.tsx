/** A certificate's own words, exactly and in order: the claim first, then what it rests on and leaves out, a line each. */
export function Statement({ text }: { text: string }) {
  const [claim, ...rest] = sentences(text);
  return (
    <blockquote class="statement">
      <p>{claim}</p>
      {rest.length > 0 && (
        <ul aria-label="What the claim rests on, and what it leaves out">
          {rest.map((sentence) => (
            <li>{sentence}</li>
          ))}
        </ul>
      )}
    </blockquote>
  );
}

/** Returns the sentences of a text: what ends in a full stop before a capital letter. */
const sentences = (text: string): string[] => text.split(/(?<=\.)\s+(?=[A-Z])/);
