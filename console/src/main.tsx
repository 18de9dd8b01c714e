import { render } from "preact";

import { App } from "./app";
import "./style/base.css";
import "./style/forms.css";
import "./style/job.css";

const place = document.getElementById("console");
if (place) render(<App />, place);
