import { useEffect, useId, useRef, useState } from "preact/hooks";

import { down, up } from "../digits";
import { BoundsTable } from "./bounds-table";
import { ticks } from "./scale";

type Point = readonly number[];

interface Props {
  /** Norm (or count) of an attack, and the bound on how far it moves the outputs; increasing. */
  points: readonly Point[];
  radius: number | null;
  tolerance: number | null;
  /** line: bounds between two points lie below the later one. steps: a bound holds up to the next. counts: whole numbers. */
  kind: "line" | "steps" | "counts";
  across: string;
  /** The size of attack that was asked for and is not proven. */
  wanted?: number;
  /** The id of the heading that names what the curve is of, where a page shows several. */
  of?: string;
}

const HEIGHT = 260;
const MARGIN = { left: 46, right: 14, top: 30, bottom: 44 };

/** The bound against the size of the attack, with the radius and the tolerance, and its numbers as a table. */
export function Curve({ points, radius, tolerance, kind, across, wanted, of }: Props) {
  const [frame, width] = useWidth();
  const title = useId();
  const last = points.at(-1)?.[0] ?? 0;
  // Steps end where the last bound begins: room is left to see it.
  const right = kind === "steps" ? Math.max(last, radius ?? 0) * 1.25 || 1 : last || 1;
  const xs = ticks(right, width < 420 ? 4 : 6).filter((x) => kind !== "counts" || Number.isInteger(x));
  const ys = ticks(Math.max(...points.map((point) => point[1] ?? 0), tolerance ?? 0), 4);
  const x = (value: number) => MARGIN.left + (value / (xs.at(-1) || 1)) * (width - MARGIN.left - MARGIN.right);
  const y = (value: number) => HEIGHT - MARGIN.bottom - (value / (ys.at(-1) || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const floor = HEIGHT - MARGIN.bottom;
  const end = x(xs.at(-1) ?? 1);
  return (
    <section class="curve" aria-labelledby={of ? `${of} ${title}` : title}>
      <h3 id={title}>How far an attack can move the outputs</h3>
      <figure ref={frame}>
        <svg width={width} height={HEIGHT} role="img" aria-label={described(points, radius, tolerance)}>
          {radius !== null && radius > 0 && (
            <rect class="inside" x={x(0)} y={MARGIN.top} width={x(radius) - x(0)} height={floor - MARGIN.top} />
          )}
          {ys.map((value) => (
            <g class="tick">
              <line x1={x(0)} x2={end} y1={y(value)} y2={y(value)} />
              <text x={MARGIN.left - 8} y={y(value)} dy="0.32em" text-anchor="end">
                {value}
              </text>
            </g>
          ))}
          {xs.map((value) => (
            <text class="tick" x={x(value)} y={floor + 18} text-anchor="middle">
              {value}
            </text>
          ))}
          <text class="axis" x={(x(0) + end) / 2} y={HEIGHT - 6} text-anchor="middle">
            {across}
          </text>
          {tolerance !== null && (
            <g class="tolerance">
              <line x1={x(0)} x2={end} y1={y(tolerance)} y2={y(tolerance)} />
              <text x={end} y={y(tolerance) - 6} text-anchor="end">
                tolerated: {tolerance}
              </text>
            </g>
          )}
          {wanted !== undefined && (
            <g class="tolerance">
              <line x1={x(wanted)} x2={x(wanted)} y1={MARGIN.top} y2={floor} />
              <text x={Math.min(x(wanted), width - 50)} y={MARGIN.top - 10} text-anchor="middle">
                wanted {wanted}
              </text>
            </g>
          )}
          <path class="bound" d={path(points, kind, x, y, end)} />
          {kind === "counts" && points.map((point) => <circle class="bound" r="4" cx={x(point[0] ?? 0)} cy={y(point[1] ?? 0)} />)}
          {radius !== null && radius > 0 && (
            <g class="radius">
              <line x1={x(radius)} x2={x(radius)} y1={MARGIN.top} y2={floor} />
              <text
                x={Math.min(Math.max(x(radius), 60), width - 50)}
                y={MARGIN.top - 10}
                text-anchor="middle"
              >
                radius {down(radius)}
              </text>
            </g>
          )}
        </svg>
        <figcaption>
          Up: the most by which the outputs can move, in Wasserstein-1. Across: {across}.
          {radius ? " Inside the shaded part the claim holds." : " No radius is proven."}
        </figcaption>
      </figure>
      <details>
        <summary>The numbers of the curve</summary>
        <BoundsTable across={across} rows={points.map(([size = 0, bound = 0]) => [down(size), up(bound)])} />
      </details>
    </section>
  );
}

function path(
  points: readonly Point[],
  kind: Props["kind"],
  x: (value: number) => number,
  y: (value: number) => number,
  end: number,
): string {
  const drawn = points.map((point, index) => {
    const [px, py] = [x(point[0] ?? 0), y(point[1] ?? 0)];
    if (index === 0) return `M${px} ${py}`;
    return kind === "line" ? `L${px} ${py}` : `H${px}V${py}`;
  });
  return drawn.join("") + (kind === "steps" ? `H${end}` : "");
}

function described(points: readonly Point[], radius: number | null, tolerance: number | null): string {
  const [x, bound] = [points.at(-1)?.[0] ?? 0, points.at(-1)?.[1] ?? 0];
  const within = radius ? `, within ${tolerance ?? "what is tolerated"} up to ${down(radius)}` : "";
  return `The bound rises with the attack from ${up(points[0]?.[1] ?? 0)} at 0 to ${up(bound)} at ${down(x)}${within}.`;
}

/** Returns a reference for an element, and the element's width in pixels. */
function useWidth() {
  const element = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(320);
  useEffect(() => {
    const observed = element.current;
    if (!observed) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(260, observed.clientWidth)));
    observer.observe(observed);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}
