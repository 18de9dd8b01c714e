// Copies Swagger UI and ReDoc from their packages to the folders that the gateway serves at /docs and /redoc.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";

const pages = "../app/pages";
const files = {
  docs: [
    ...["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "LICENSE"].map((f) => `node_modules/swagger-ui-dist/${f}`),
    "api-pages/docs/index.html",
    "api-pages/docs/start.js",
  ],
  redoc: [
    ...["bundles/redoc.standalone.js", "LICENSE"].map((f) => `node_modules/redoc/${f}`),
    "api-pages/redoc/index.html",
    "api-pages/redoc/start.js",
  ],
};
for (const [page, sources] of Object.entries(files)) {
  rmSync(`${pages}/${page}`, { recursive: true, force: true });
  mkdirSync(`${pages}/${page}`, { recursive: true });
  for (const source of sources) copyFileSync(source, `${pages}/${page}/${source.split("/").at(-1)}`);
}
