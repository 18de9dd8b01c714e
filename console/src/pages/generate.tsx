import { models } from "../api/client";
import { AskForm } from "../ask/ask-form";
import { useAsked } from "../asked";
import { JobPanel } from "../job/job-panel";
import { jobAddress } from "../route";

/** The form, and the job that it made or that the address names. */
export function GeneratePage({ job }: { job?: string }) {
  const served = useAsked(models, []);
  return (
    <div class="workbench">
      <section class="side" aria-labelledby="ask-title">
        <h1 id="ask-title">Generate with a certificate</h1>
        {served.refusal && (
          <p role="alert" class="refusal">
            {served.refusal}
          </p>
        )}
        {served.answer && (
          <AskForm
            models={served.answer}
            sent={(id) => {
              location.hash = jobAddress(id);
            }}
          />
        )}
      </section>
      <div class="result">{job ? <JobPanel id={job} key={job} /> : <Welcome />}</div>
    </div>
  );
}

function Welcome() {
  return (
    <section class="welcome">
      <h2>What you get</h2>
      <ol>
        <li>
          <strong>The output</strong>, marked as not certified until its proof is there.
        </li>
        <li>
          <strong>What is proven</strong>: how far an attack on what the model reads can move the output, and up to which
          size of attack.
        </li>
        <li>
          <strong>What would break it</strong>: the nearest prompt that changes the answer, or how the proof weakens as
          attacks grow.
        </li>
      </ol>
      <p>A proof is about the model as it is served. It does not say that the output is right.</p>
    </section>
  );
}
