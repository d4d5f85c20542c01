/** Something is wrong with what the user gave: told in one line, and the program ends with code 2. */
export class InputError extends Error {
  override readonly name = 'InputError'
}
