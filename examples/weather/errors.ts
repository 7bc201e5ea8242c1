/** What can go wrong in the weather example and a caller would treat differently. */
export type WeatherErrorCode =
  /** The file system refuses. */
  | 'cannot-read-file'
  /** The file is no NetCDF file at all, or a truncated or damaged one. */
  | 'not-a-netcdf-file'
  /** A NetCDF file, but of a variant that is not read here. */
  | 'netcdf-variant-not-read'
  /** A NetCDF file without a field on latitudes and longitudes. */
  | 'no-field-in-file'
  /** A NetCDF file without u and v on the same levels. */
  | 'no-wind-in-file'
  /** The command line asks for something that cannot be. */
  | 'bad-usage'
  /** A field received has other sums than its producer attached. */
  | 'sums-differ'
  /** A file that fields are handed over in is not as it was written. */
  | 'bad-field-file'
  /** Ctrl-C. */
  | 'interrupted'
  /** A program of the workflow failed or was ended. */
  | 'program-failed'
  /** The integration left the range of possible winds: the time step is too long. */
  | 'model-unstable';

export class WeatherError extends Error {
  override readonly name = 'WeatherError';
  readonly code: WeatherErrorCode;
  readonly retryable = false;

  constructor(code: WeatherErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
