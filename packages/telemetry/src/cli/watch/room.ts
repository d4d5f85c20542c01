import type pc from 'picocolors'

/** How much room there is, and what it may be coloured with. */
export interface Room {
  readonly columns: number
  readonly rows: number
  readonly colours: ReturnType<typeof pc.createColors>
}
