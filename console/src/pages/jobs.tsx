import { recentJobs } from "../api/client";
import { useAsked } from "../asked";
import { jobAddress } from "../route";

/** The latest jobs of the key, the latest first. */
export function JobsPage() {
  const { answer, refusal } = useAsked(recentJobs, []);
  return (
    <div class="page">
      <h1>Recent jobs</h1>
      {refusal && (
        <p role="alert" class="refusal">
          {refusal}
        </p>
      )}
      {answer?.length === 0 && <p>No job of yours is kept. Jobs are kept for a day after their end, unless asked otherwise.</p>}
      {answer && answer.length > 0 && (
        <div class="wide" tabIndex={0} role="region" aria-label="Recent jobs">
          <table>
            <thead>
              <tr>
                <th scope="col">submitted</th>
                <th scope="col">model</th>
                <th scope="col">status</th>
                <th scope="col">certificate</th>
              </tr>
            </thead>
            <tbody>
              {answer.map((job) => (
                <tr>
                  <th scope="row">
                    <a href={jobAddress(job.id)}>{new Date(job.submitted_at).toLocaleString()}</a>
                  </th>
                  <td class="name">{job.model}</td>
                  <td>{job.status}</td>
                  <td>{job.has_certificate ? "issued" : "none"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
