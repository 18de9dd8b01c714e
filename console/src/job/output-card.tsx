import type { Job, Output } from "../api/types";

/** The output, marked by what is proven of it: nothing, before its certificate comes. */
export function OutputCard({ output, job }: { output: Output; job?: Job }) {
  return (
    <section class="output" aria-label="Output">
      <Mark output={output} job={job} />
      {output.type === "image" ? (
        <img src={`data:${output.media_type};base64,${output.data}`} alt="What the model drew for your prompt" />
      ) : (
        <blockquote>{output.text.trim() === "" ? <em>an empty text</em> : output.text.trim()}</blockquote>
      )}
      {job?.notes?.map((note) => <p class="note">{note.detail.charAt(0).toUpperCase() + note.detail.slice(1)}</p>)}
    </section>
  );
}

function Mark({ output, job }: { output: Output; job?: Job }) {
  if (output.certified) return <p class="mark holds">Certified</p>;
  return <p class="mark open">{job ? "Not certified" : "Not certified yet"}</p>;
}
