/** What stands above the numbers of a source, wherever people see them. */
export interface Heading {
  /** What it is of: what tells it from others, and whether it records or recovers. */
  readonly title: string
  /** How it stands with its process, in words. */
  readonly told: string
  /** Whether its numbers still change. */
  readonly isLive: boolean
}
