/** Longest parameters that are read, characters: what fits a record of 1 MiB. */
export const MAX_PARAMS_CHARACTERS = 1_048_576;

/** Most paths of one composite request: some 3 kB of path list, which a device takes block by block. */
export const MAX_PATHS = 256;
