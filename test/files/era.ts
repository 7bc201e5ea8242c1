import { NETCDF3 } from '../../src/files/netcdf3.js';
import type { Attribute, Dataset } from '../../src/formats/dataset.js';

/** A small file of NetCDF-3, packed as the CF conventions have it. */
export async function writeEra(path: string): Promise<void> {
  const big = (make: (view: DataView) => void, size: number): Uint8Array => {
    const bytes = new Uint8Array(size);
    make(new DataView(bytes.buffer));
    return bytes;
  };
  const text = (name: string, value: string): Attribute => {
    return { name, type: 'char', byteOrder: 'big', bytes: Buffer.from(value) };
  };
  const number = (name: string, value: number): Attribute => {
    const bytes = big((view) => view.setFloat64(0, value), 8);
    return { name, type: 'float64', byteOrder: 'big', bytes };
  };
  const dataset: Dataset = {
    dimensions: [
      { name: 'time', size: 2, unlimited: true },
      { name: 'lat', size: 3, unlimited: false },
    ],
    attributes: [text('title', 'Two days')],
    variables: [
      {
        ...{ name: 'lat', type: 'float32', byteOrder: 'big', dimensions: [1] },
        attributes: [text('units', 'degrees_north')],
      },
      {
        ...{ name: 't2m', type: 'int16', byteOrder: 'big', dimensions: [0, 1] },
        attributes: [text('units', 'K'), number('scale_factor', 0.5), number('add_offset', 273)],
      },
    ],
  };
  await using file = await NETCDF3.create(path, dataset, null);
  const lat = big((view) => [60, 50, 40].map((each, at) => view.setFloat32(4 * at, each)), 12);
  await file.writeRows(0, 0, lat);
  const packed = [1, 2, 3, 4, 5, 6];
  await file.writeRows(
    1,
    0,
    big((view) => packed.map((each, at) => view.setInt16(2 * at, each)), 12),
  );
  await file.close();
}
