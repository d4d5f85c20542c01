// prom-client: a histogram with the buckets that it has by itself, and one label.
import { Counter, Histogram, Registry } from 'prom-client'

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

/** As many metrics as a recorder has, each recorded once, and what reads all of them. */
export function registry(histograms, numbers) {
  const registers = [new Registry()]
  for (let i = 0; i < histograms; i++)
    new Histogram({ name: `histogram_${i}`, help: 'It.', registers }).observe(1)
  for (let i = 0; i < numbers; i++) new Counter({ name: `counter_${i}`, help: 'It.', registers }).inc()
  const [all] = registers
  return { snapshot: () => all.getMetricsAsJSON(), exposition: () => all.metrics() }
}
