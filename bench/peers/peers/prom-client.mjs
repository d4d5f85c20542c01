// prom-client: a histogram with the buckets that it has by itself, and one label.
import { Histogram, Registry } from 'prom-client'

export function histogram() {
  const made = new Histogram({
    name: 'duration_seconds',
    help: 'How long it took.',
    labelNames: ['subsystem'],
    registers: [new Registry()],
  })
  const labels = { subsystem: 'manager' }
  return seconds => made.observe(labels, seconds)
}
