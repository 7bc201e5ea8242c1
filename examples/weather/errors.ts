/** What can go wrong in the weather example and a caller would treat differently. */
export type WeatherErrorCode =
  /** The file is no NetCDF file at all, or a truncated or damaged one. */
  | 'not-a-netcdf-file'
  /** A NetCDF file, but of a variant that is not read here. */
  | 'netcdf-variant-not-read'
  /** A NetCDF file without a field on latitudes and longitudes. */
  | 'no-field-in-file'
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
