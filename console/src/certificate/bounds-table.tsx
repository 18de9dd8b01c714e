interface Props {
  /** What the sizes of attacks are counted in. */
  across: string;
  /** Of each size of attack: the size and its bound, as they are shown. */
  rows: readonly (readonly [size: string, bound: string])[];
}

/** The bound for every size of attack, as a table. */
export function BoundsTable({ across, rows }: Props) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col" class="number">
            {across}
          </th>
          <th scope="col" class="number">
            bound
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([size, bound]) => (
          <tr>
            <td class="number">{size}</td>
            <td class="number">{bound}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
